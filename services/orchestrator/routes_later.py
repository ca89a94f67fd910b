"""Parts of the API that a later release brings: they are refused by name, so that nobody hunts for a wrong URL."""

from fastapi import APIRouter

from common.auth import CallerDep
from common.errors import not_implemented

router = APIRouter(include_in_schema=False)

_METHODS = ["GET", "POST", "DELETE"]


@router.api_route("/v1/responses", methods=_METHODS)
@router.api_route("/v1/responses/{path:path}", methods=_METHODS)
async def responses(_: CallerDep) -> None:
    """OpenAI's Responses API."""
    raise not_implemented("The Responses API")


@router.api_route("/v1/batches", methods=_METHODS)
@router.api_route("/v1/batches/{path:path}", methods=_METHODS)
async def batches(_: CallerDep) -> None:
    """OpenAI's Batch API."""
    raise not_implemented("The Batch API")


@router.get("/review")
async def review() -> None:
    """The page on which reviewers label answers."""
    raise not_implemented("The review page")
