"""What the worker says over HTTP besides health and metrics: how its sources stand."""

from typing import Any

from fastapi import APIRouter, Request

from common.auth import CallerDep

router = APIRouter()


@router.get("/v1/sources")
async def sources(request: Request, caller: CallerDep) -> dict[str, Any]:
    """The caller's sources: when each was last in step, what the last look found, what could not be read."""
    return {"object": "list", "data": request.app.state.schedule.states(caller.tenant)}
