"""`/v1/embeddings`: checked here, made by the pool, passed on as it comes."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import Field, PlainValidator

from common.auth import CallerDep
from common.deadline import Deadline
from orchestrator.resources import ResourcesDep
from orchestrator.wire import Body, Name, Text, is_text

router = APIRouter()

# OpenAI's own limits.
MOST_INPUTS = 2048
LONGEST_TOKEN_INPUT = 8192


def _inputs(value: Any) -> Any:
    """A text, texts, token ids, or lists of token ids."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed:
        raise ValueError("must be a text, a list of texts, or token ids, and not empty")
    if _token_ids(listed):
        return value
    if len(listed) > MOST_INPUTS:
        raise ValueError(f"must be at most {MOST_INPUTS} inputs")
    for place, item in enumerate(listed):
        if isinstance(item, str) and item:
            is_text(item)
        elif not isinstance(item, list) or not _token_ids(item):
            raise ValueError(f"item {place} must be a text that is not empty, or a list of token ids")
    return value


def _token_ids(value: list[Any]) -> bool:
    return 0 < len(value) <= LONGEST_TOKEN_INPUT and all(type(item) is int and item >= 0 for item in value)


class EmbeddingsBody(Body):
    """OpenAI's embeddings request."""

    model: Name
    input: Annotated[Any, PlainValidator(_inputs)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, le=65_536)] | None = None
    user: Text | None = None


@router.post("/v1/embeddings")
async def embeddings(body: EmbeddingsBody, request: Request, caller: CallerDep, held: ResourcesDep) -> Response:
    """Vectors of the inputs by an embedding model of the pool."""
    deadline = Deadline.from_headers(request.headers, held.live.current.value.deadline_s)
    async with AsyncExitStack() as stack:
        sent = body.model_dump(exclude_none=True)
        answer = await stack.enter_async_context(
            held.pool.relay("/embeddings", sent, deadline=deadline, lane=caller.lane)
        )
        # Until here a failure has its own status; from here on the stack belongs to the stream.
        remaining = stack.pop_all()

    async def pieces() -> AsyncIterator[bytes]:
        async with remaining:
            async for piece in answer:
                yield piece

    return StreamingResponse(pieces(), media_type="application/json")
