"""`GET /v1/models`."""

from fastapi import APIRouter, Response

from common.auth import CallerDep
from local_models.models import ANSWER_MODEL, EMBEDDING_MODEL
from local_models.wire import reply

router = APIRouter()


@router.get("/v1/models")
async def models(_: CallerDep) -> Response:
    """The models that this service has."""
    names = (EMBEDDING_MODEL, ANSWER_MODEL)
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "fairlead"} for name in names]
    return reply({"object": "list", "data": data})
