"""`POST /v1/rerank` in the shape that Cohere and Jina share."""

import asyncio
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from common.auth import CallerDep
from common.deadline import Deadline
from common.errors import invalid
from common.ids import new_id
from local_models.disconnect import while_connected
from local_models.models import EMBEDDING_MODEL
from local_models.reader import Reader, Reading
from local_models.relevance import relevance, score
from local_models.wire import read, reply, require_model

router = APIRouter()

MOST_DOCUMENTS = 1000


class RerankRequest(msgspec.Struct):
    """What is read of the body. A document is a text or an object with one."""

    model: str
    query: str
    documents: list[Any]
    top_n: int | None = None
    return_documents: bool | None = False


@router.post("/v1/rerank")
async def rerank(request: Request, caller: CallerDep) -> Response:
    """The documents by their relevance to the query; a score in [0, 1] does not depend on the other documents."""
    reader: Reader = request.app.state.reader
    asked = await read(request, RerankRequest)
    require_model(asked.model, EMBEDDING_MODEL)
    if not asked.query.strip():
        raise invalid("`query` is empty.", "query")
    texts = _documents(asked.documents)
    if asked.top_n is not None and asked.top_n < 1:
        raise invalid("`top_n` must be at least 1.", "top_n")
    deadline = Deadline.from_headers(request.headers, request.app.state.settings.request_s)

    async def work() -> tuple[list[float], int]:
        reading = await reader.read(asked.query, texts, caller.lane)
        return await asyncio.to_thread(_scores, reading), reading.tokens

    scores, tokens = await while_connected(request, deadline, work())
    order = sorted(range(len(scores)), key=lambda place: -scores[place])[: asked.top_n]
    results = [{"index": place, "relevance_score": round(scores[place], 6)} for place in order]
    if asked.return_documents:
        results = [{**result, "document": {"text": texts[result["index"]]}} for result in results]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return reply({"id": new_id("rerank-"), "model": EMBEDDING_MODEL, "results": results, "usage": usage})


def _scores(reading: Reading) -> list[float]:
    return [score(relevance(reading.question, passage)) for passage in reading.passages]


def _documents(given: list[Any]) -> list[str]:
    if not given:
        raise invalid("`documents` is empty.", "documents")
    if len(given) > MOST_DOCUMENTS:
        raise invalid(f"`documents` has {len(given)} items; at most {MOST_DOCUMENTS} are ranked at once.", "documents")
    texts: list[str] = []
    for place, document in enumerate(given):
        text = document.get("text") if isinstance(document, dict) else document
        if not isinstance(text, str):
            raise invalid(f"`documents[{place}]` must be a text, or an object with a `text`.", f"documents[{place}]")
        texts.append(text)
    return texts
