"""`GET /v1/models`: what this service can do."""

from typing import Any

from fastapi import APIRouter

from common.auth import CallerDep
from common.errors import ApiError
from local_models.models import ANSWER_MODEL, EMBEDDING_MODEL

router = APIRouter()

# When the weights were published and when the answerer was first released, as OpenAI dates a model.
CREATED = {EMBEDDING_MODEL: 1630281600, ANSWER_MODEL: 1764028800}


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED[name], "owned_by": "fairlead"}


@router.get("/v1/models")
async def models(_: CallerDep) -> dict[str, Any]:
    """Both models."""
    return {"object": "list", "data": [_model(name) for name in CREATED]}


@router.get("/v1/models/{name}")
async def model(name: str, _: CallerDep) -> dict[str, Any]:
    """One model; 404 for any other."""
    if name not in CREATED:
        raise ApiError(404, f"The model `{name[:200]}` does not exist.", param="model", code="model_not_found")
    return _model(name)
