"""What the worker says over HTTP besides health and metrics: how its sources stand."""

from typing import Any

from fastapi import APIRouter, Request

from common.auth import CallerDep

router = APIRouter()


@router.get("/v1/sources")
async def sources(request: Request, caller: CallerDep) -> dict[str, Any]:
    """The caller's sources as this worker sees them; the orchestrator shows the same of all workers."""
    return {"object": "list", "data": await request.app.state.schedule.shown(caller.tenant)}
