"""Who is calling, as a dependency of FastAPI routes; how a key is checked is `common.authenticator`."""

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from common.authenticator import ANYONE, LANE_HEADER, Authenticator, Caller
from common.key_file import Lane

if TYPE_CHECKING:
    from common.telemetry import Telemetry

__all__ = ["ANYONE", "LANE_HEADER", "Authenticator", "Caller", "CallerDep", "Lane", "require_caller"]


def require_caller(request: Request) -> Caller:
    """FastAPI dependency: the request's caller."""
    authenticator: Authenticator = request.app.state.auth
    caller = authenticator.authenticate(request.headers)
    request.state.caller = caller
    telemetry: Telemetry = request.app.state.telemetry
    telemetry.of_tenant(caller.tenant)
    return caller


CallerDep = Annotated[Caller, Depends(require_caller)]
