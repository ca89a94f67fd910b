"""`POST /v1/embeddings` in OpenAI's shape."""

import base64
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from fastapi import APIRouter, Request, Response

from common.auth import CallerDep
from common.deadline import Deadline
from common.errors import invalid
from local_models.disconnect import while_connected
from local_models.encoder import DIMENSIONS
from local_models.models import EMBEDDING_MODEL, Models
from local_models.tokens import CLS, SEP, VOCABULARY, cut
from local_models.wire import read, require_model

router = APIRouter()

# OpenAI's own limit.
MOST_INPUTS = 2048
# float32 has no more than nine significant digits, and no component of a vector of length 1 is above 1.
DECIMALS = 9


class EmbeddingRequest(msgspec.Struct):
    """What is read of the body; `input` is checked by `_inputs`, which can say which part is wrong."""

    model: str
    input: Any
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = None


@router.post("/v1/embeddings")
async def embeddings(request: Request, caller: CallerDep) -> Response:
    """One vector of 384 dimensions and length 1 for each input; an input longer than 256 tokens is cut there."""
    models: Models = request.app.state.models
    asked = await read(request, EmbeddingRequest)
    require_model(asked.model, EMBEDDING_MODEL)
    if asked.dimensions not in (None, DIMENSIONS):
        raise invalid(f"`dimensions` must be {DIMENSIONS}: {EMBEDDING_MODEL} has no other length.", "dimensions")
    texts, token_ids = _inputs(asked.input)
    deadline = Deadline.from_headers(request.headers, request.app.state.settings.request_s)
    render = _base64 if asked.encoding_format == "base64" else _numbers

    async def work() -> tuple[list[bytes], int]:
        ids = token_ids or await models.ids(texts)
        return await models.embed(ids, render, caller.lane), sum(map(len, ids))

    vectors, tokens = await while_connected(request, deadline, work())
    return Response(_body(vectors, tokens), media_type="application/json")


def _inputs(given: Any) -> tuple[list[str], list[list[int]]]:
    """The texts or, when tokens were given, their ids: one of both is empty."""
    if isinstance(given, str):
        return [_text(given, "input")], []
    if not isinstance(given, list) or not given:
        raise invalid("`input` must be a text, a list of texts, or token ids, and not empty.", "input")
    if isinstance(given[0], int):
        return [], [_token_ids(given, "input")]
    if len(given) > MOST_INPUTS:
        raise invalid(f"`input` has {len(given)} items; at most {MOST_INPUTS} go into one request.", "input")
    if isinstance(given[0], str):
        return [_text(text, f"input[{place}]") for place, text in enumerate(given)], []
    return [], [_token_ids(ids, f"input[{place}]") for place, ids in enumerate(given)]


def _text(given: Any, place: str) -> str:
    if not isinstance(given, str):
        raise invalid(f"`{place}` must be a text like the inputs before it.", place)
    if not given or given.isspace():
        raise invalid(f"`{place}` is empty: an empty text has no meaning to embed.", place)
    return given


def _token_ids(given: Any, place: str) -> list[int]:
    """Ids of this model's own vocabulary; others (OpenAI's tokenizers') would silently give a vector of nonsense."""
    if not isinstance(given, list) or not all(type(token) is int for token in given):
        raise invalid(f"`{place}` must be a text or a list of token ids.", place)
    if len(given) < 3 or given[0] != CLS or given[-1] != SEP or not all(0 <= token < VOCABULARY for token in given):
        raise invalid(
            f"`{place}` is not token ids of {EMBEDDING_MODEL}: its tokenizer puts {CLS} first and {SEP} last and has "
            f"{VOCABULARY} ids. Send text, or those ids (LangChain: check_embedding_ctx_length=False).",
            place,
        )
    return cut(given)


def _base64(vector: np.ndarray) -> bytes:
    return b'"' + base64.b64encode(vector.astype("<f4").tobytes()) + b'"'


def _numbers(vector: np.ndarray) -> bytes:
    return msgspec.json.encode(vector.astype(np.float64).round(DECIMALS).tolist())


def _body(vectors: Sequence[bytes], tokens: int) -> bytes:
    """The answer, put together from vectors that the inference threads wrote as JSON already."""
    items = (b'{"object":"embedding","index":%d,"embedding":%b}' % item for item in enumerate(vectors))
    tail = b'],"model":"%b","usage":{"prompt_tokens":%d,"total_tokens":%d}}'
    return b'{"object":"list","data":[' + b",".join(items) + tail % (EMBEDDING_MODEL.encode(), tokens, tokens)
