"""The routes beside the hot path."""

from typing import Any

from fastapi import APIRouter, Request

from common.auth import CallerDep

router = APIRouter()


@router.get("/v1/models")
async def models(request: Request, _: CallerDep) -> dict[str, Any]:
    """The models that callers may name."""
    config = request.app.state.live.current
    data = [
        {"id": name, "object": "model", "created": int(config.loaded_at), "owned_by": "fairlead"}
        for name in config.value.models
    ]
    return {"object": "list", "data": data}
