"""Whose documents a request may see: the caller's key as the store understands it."""

from typing import Annotated

from fastapi import Depends

from common.auth import CallerDep
from vector_store.models import Scope


def scope_of(caller: CallerDep) -> Scope:
    """FastAPI dependency."""
    return Scope(caller.tenant, caller.groups, caller.key_id, caller.key_name)


ScopeDep = Annotated[Scope, Depends(scope_of)]
