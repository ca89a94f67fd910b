"""A client of the LLM pool, the only way in which any service reaches a model."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp
import numpy as np
from numpy.typing import NDArray

from common import logs, spending
from common.auth import LANE_HEADER, Lane
from common.deadline import Deadline
from common.http_spans import http_spans

# The pool bounds what it queues; this bounds what one service may have open towards it.
CONNECTIONS = 256
# A single server-sent event that is longer is not an answer but a fault.
LONGEST_EVENT_BYTES = 4 * 1024 * 1024
STAND_IN_HEADER = "x-fairlead-stand-in"


class PoolUnavailable(Exception):
    """The pool, or every model behind it, did not answer: a reason to degrade. `retry_after_s` when it said so."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class PoolRejected(Exception):
    """The pool refused the request itself (4xx): trying again cannot help."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        super().__init__(str(error.get("message", f"HTTP {status}")))
        self.status = status
        self.error = dict(error)


class PoolClient:
    """Calls to the pool at `base_url` (ending in `/v1`), each bounded by a deadline."""

    def __init__(self, base_url: str, key: Callable[[], str | None] = lambda: None) -> None:
        self._base = base_url.rstrip("/")
        self._key = key
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "PoolClient":
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=None, connect=5.0),
            trust_env=False,
            read_bufsize=256 * 1024,
            trace_configs=[http_spans()],
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def embed(
        self, model: str, texts: Sequence[str], *, deadline: Deadline, lane: Lane = "interactive"
    ) -> NDArray[np.float32]:
        """Vectors of `texts`, shape (len(texts), dimension), in order; raises PoolUnavailable or PoolRejected."""
        body = {"model": model, "input": list(texts), "encoding_format": "base64"}
        answer = await self.post("/embeddings", body, deadline=deadline, lane=lane)
        try:
            rows = sorted(cast("list[dict[str, Any]]", answer["data"]), key=lambda row: int(row["index"]))
            vectors = [_vector(row["embedding"]) for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise PoolUnavailable(f"the embeddings answer has an unexpected shape: {type(error).__name__}") from None
        if len(vectors) != len(texts):
            raise PoolUnavailable(f"asked for {len(texts)} embeddings, got {len(vectors)}")
        if len({len(vector) for vector in vectors}) > 1:
            raise PoolUnavailable("the embeddings differ in their dimension")
        return np.stack(vectors)

    async def chat(self, body: Mapping[str, Any], *, deadline: Deadline, lane: Lane = "interactive") -> dict[str, Any]:
        """One chat completion, whole."""
        return await self.post("/chat/completions", {**body, "stream": False}, deadline=deadline, lane=lane)

    async def post(
        self, path: str, body: Mapping[str, Any], *, deadline: Deadline, lane: Lane = "interactive"
    ) -> dict[str, Any]:
        """POST `body` to `path` under the pool's base URL and read the JSON answer."""
        async with self._open(path, body, deadline, lane) as response:
            answer = await asyncio.wait_for(response.json(content_type=None), deadline.remaining())
            price = response.headers.get(spending.PRICE_HEADER)
        if not isinstance(answer, dict):
            raise PoolUnavailable("the pool's answer is not a JSON object")
        whole = cast("dict[str, Any]", answer)
        spending.charge(price, whole.get("usage"))
        return whole

    async def chat_stream(
        self,
        body: Mapping[str, Any],
        *,
        deadline: Deadline,
        lane: Lane = "interactive",
        on_stand_in: Callable[[], None] = lambda: None,
    ) -> AsyncIterator[dict[str, Any]]:
        """The chunks of a streamed chat completion. An error event, or an end without `[DONE]`, raises PoolUnavailable.

        `on_stand_in` is called when a makeshift answers in the place of the model. Closing the iterator closes the
        connection, which cancels the generation upstream.
        """
        async with self._open("/chat/completions", {**body, "stream": True}, deadline, lane) as response:
            if response.headers.get(STAND_IN_HEADER) == "true":
                on_stand_in()
            async for data in _events(response, deadline):
                if data == "[DONE]":
                    return
                try:
                    chunk = cast("dict[str, Any]", json.loads(data))
                except ValueError:
                    raise PoolUnavailable("the stream holds an event that is not JSON") from None
                if "error" in chunk:
                    raise PoolUnavailable(str(chunk["error"].get("message", "the stream ended in an error")))
                if usage := chunk.get("usage"):
                    spending.charge(response.headers.get(spending.PRICE_HEADER), usage)
                yield chunk
        raise PoolUnavailable("the stream ended before it was complete")

    @asynccontextmanager
    async def relay(
        self, path: str, body: Mapping[str, Any], *, deadline: Deadline, lane: Lane = "interactive"
    ) -> AsyncGenerator[AsyncIterator[bytes]]:
        """The answer to a POST in pieces as they come, unread: for what is passed on as it is."""
        async with self._open(path, body, deadline, lane) as response:
            yield _pieces(response, deadline)

    async def models(self, *, deadline: Deadline) -> list[str]:
        """The names of the models that the pool serves; a cheap sign of life."""
        assert self._session is not None
        try:
            async with deadline.timeout(), self._session.get(f"{self._base}/models", headers=self._headers()) as got:
                if got.status != 200:
                    raise PoolUnavailable(f"HTTP {got.status}")
                return [str(model["id"]) for model in (await got.json())["data"]]
        except (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError) as error:
            raise PoolUnavailable(type(error).__name__) from None

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        key = self._key()
        if key:
            headers["authorization"] = f"Bearer {key}"
        request_id = logs.request_id.get()
        if request_id:
            headers["x-request-id"] = request_id
        return headers

    @asynccontextmanager
    async def _open(
        self, path: str, body: Mapping[str, Any], deadline: Deadline, lane: Lane
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """The response of a successful POST; every way it can fail becomes one of the two exceptions."""
        if self._session is None:
            raise RuntimeError("PoolClient is used outside its `async with`")
        headers = {**self._headers(), **deadline.header(), LANE_HEADER: lane}
        try:
            opening = self._session.post(self._base + path, json=body, headers=headers)
            async with await asyncio.wait_for(opening, deadline.remaining()) as response:
                if response.status >= 400:
                    raise _failure(response, await asyncio.wait_for(response.read(), deadline.remaining()))
                yield response
        except TimeoutError:
            raise PoolUnavailable("no answer within the deadline") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PoolUnavailable(f"the connection failed: {type(error).__name__}") from None


async def _pieces(response: aiohttp.ClientResponse, deadline: Deadline) -> AsyncIterator[bytes]:
    while piece := await asyncio.wait_for(response.content.readany(), deadline.remaining()):
        yield piece


async def _events(response: aiohttp.ClientResponse, deadline: Deadline) -> AsyncIterator[str]:
    """The `data:` of each server-sent event; an endless line ends the stream instead of filling the memory.

    Each read has its own time limit: one timeout around the loop would be bound to the task that opened the stream,
    which need not be the one that reads it to the end.
    """
    pending = bytearray()
    while piece := await asyncio.wait_for(response.content.readany(), deadline.remaining()):
        pending += piece
        while (end := pending.find(b"\n")) >= 0:
            line = pending[:end].strip()
            del pending[: end + 1]
            if line.startswith(b"data:"):
                yield line[5:].strip().decode("utf-8", "replace")
        if len(pending) > LONGEST_EVENT_BYTES:
            raise PoolUnavailable("the stream holds an endless line")


def _failure(response: aiohttp.ClientResponse, body: bytes) -> PoolUnavailable | PoolRejected:
    try:
        parsed = json.loads(body)
        error = cast("dict[str, Any]", parsed["error"]) if isinstance(parsed["error"], dict) else {}
    except (ValueError, KeyError, TypeError):
        error = {}
    message = str(error.get("message") or f"HTTP {response.status}")
    if response.status == 429 or response.status >= 500:
        return PoolUnavailable(message, _seconds(response.headers.get("retry-after")))
    return PoolRejected(response.status, {**error, "message": message})


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None


def _vector(embedding: str | Sequence[float]) -> NDArray[np.float32]:
    """Base64 of little-endian float32 (a third of the bytes and of the parsing), or a plain list."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding), dtype="<f4")
    return np.asarray(embedding, dtype=np.float32)
