"""`/v1/models`: the applications that can be asked, the default first."""

from typing import Any

from fastapi import APIRouter

from common.auth import CallerDep
from common.errors import ApiError
from orchestrator.resources import Held, ResourcesDep
from orchestrator.tunables import Application

router = APIRouter()


@router.get("/v1/models")
async def list_models(_: CallerDep, held: ResourcesDep) -> dict[str, Any]:
    """The applications."""
    applications = held.live.current.value.applications
    return {"object": "list", "data": [_model(held, name, known) for name, known in applications.items()]}


@router.get("/v1/models/{model}")
async def get_model(model: str, _: CallerDep, held: ResourcesDep) -> dict[str, Any]:
    """One application."""
    known = held.live.current.value.applications.get(model)
    if known is None:
        raise ApiError(404, f"The model '{model[:64]}' does not exist.", param="model", code="model_not_found")
    return _model(held, model, known)


def _model(held: Held, name: str, application: Application) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        # OpenAI's clients want a time; what an application is changes with the configuration.
        "created": int(held.live.current.loaded_at),
        "owned_by": "fairlead",
        "fairlead": {
            "description": application.description,
            "stores": list(application.stores),
            "questions": list(application.questions),
        },
    }
