"""A scripted LLM pool over real HTTP: tests say what its models answer, and when they fail, stall or are missed.

`python -m fakes.pool PORT` (with `tests` on the path) serves it by itself; it also takes traces and forgets them.
"""

import asyncio
import base64
import hashlib
import json
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from aiohttp import web

MODEL = "all-MiniLM-L6-v2"
DIMENSION = 384

Gate = asyncio.Event
Piece = str | Gate | Exception


def vector(text: str, dimension: int = DIMENSION) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A unit vector of the text's words: texts that share words are near to one another."""
    total = np.full(dimension, 1e-6, dtype=np.float32)
    for word in re.findall(r"\w+", text.lower()):
        total[int(hashlib.md5(word.encode()).hexdigest(), 16) % dimension] += 1
    return total / np.linalg.norm(total)


@dataclass
class FakePool:
    """What the pool does. `fail` maps a path such as `/embeddings` to the status that it answers with.

    `pieces` are the chunks of the model's answer; a Gate among them holds the stream until the test opens it, an
    exception cuts the connection there. None quotes the first sentence of each passage in the prompt.
    """

    pieces: list[Piece] | None = None
    finish_reason: str = "stop"
    error_event: dict[str, Any] | None = None
    fail: dict[str, int] = field(default_factory=dict[str, int])
    hold: dict[str, Gate] = field(default_factory=dict[str, Gate])
    dimensions: dict[str, int] = field(default_factory=dict[str, int])
    rewritten: str = ""
    rerank_order: list[int] = field(default_factory=list[int])
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    streaming: asyncio.Event = field(default_factory=asyncio.Event)
    abandoned: asyncio.Event = field(default_factory=asyncio.Event)
    remembers: bool = True
    stands_in: bool = False
    price: str = ""
    """What the header `x-fairlead-price` says with every answer."""
    url: str = ""

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """The bodies that came to `path`, in order."""
        return [body for at, body in self.requests if at == path]

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncGenerator["FakePool"]:
        """Serve on a free port (or the given one) while the context is open."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/traces", self._forget)
        app.router.add_post("/v1{path:/.*}", self._post)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "chat"}, {"id": MODEL}]})

    async def _forget(self, request: web.Request) -> web.Response:
        await request.read()
        return web.Response(content_type="application/x-protobuf")

    async def _post(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        body = await request.json()
        if self.remembers:
            self.requests.append((path, body))
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if path in self.hold:
            await self.hold[path].wait()
        if path in self.fail:
            error = {"message": "scripted failure", "type": "server_error", "param": None, "code": "scripted"}
            return web.json_response({"error": error}, status=self.fail[path])
        if path == "/embeddings":
            return self._embeddings(body)
        if path == "/rerank":
            return web.json_response(
                {"results": [{"index": i, "relevance_score": -float(p)} for p, i in enumerate(self.rerank_order)]}
            )
        return await self._stream(request, body) if body.get("stream") else self._chat()

    def _embeddings(self, body: dict[str, Any]) -> web.Response:
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        rows: list[dict[str, Any]] = []
        for index, text in enumerate(texts):
            found = vector(str(text), self.dimensions.get(body["model"], DIMENSION)).astype("<f4")
            packed = base64.b64encode(found.tobytes()).decode()
            embedding = packed if body.get("encoding_format") == "base64" else found.tolist()
            rows.append({"object": "embedding", "index": index, "embedding": embedding})
        usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
        told = {"object": "list", "data": rows, "model": body["model"], "usage": usage}
        return web.json_response(told, headers=self._priced())

    def _chat(self) -> web.Response:
        message = {"role": "assistant", "content": self.rewritten}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return web.json_response({"choices": [choice]}, headers=self._priced())

    def _priced(self) -> dict[str, str]:
        return {"x-fairlead-price": self.price} if self.price else {}

    async def _stream(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        headers = {"content-type": "text/event-stream"} | ({"x-fairlead-stand-in": "true"} if self.stands_in else {})
        headers |= self._priced()
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        try:
            for piece in _quoted(body) if self.pieces is None else self.pieces:
                if isinstance(piece, Exception):
                    assert request.transport is not None
                    request.transport.abort()
                    return response
                if isinstance(piece, Gate):
                    self.streaming.set()
                    await piece.wait()
                    continue
                await response.write(_event({"choices": [{"index": 0, "delta": {"content": piece}}]}))
            if self.error_event is not None:
                await response.write(_event({"error": self.error_event}))
                return response
            choice = {"index": 0, "delta": {}, "finish_reason": self.finish_reason}
            await response.write(_event({"model": "scripted-model", "choices": [choice]}))
            usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
            await response.write(_event({"choices": [], "usage": usage}) + b"data: [DONE]\n\n")
        except (asyncio.CancelledError, ConnectionResetError):
            self.abandoned.set()
            raise
        return response


def _quoted(body: dict[str, Any]) -> list[Piece]:
    prompt = body["messages"][-1]["content"]
    passages = re.findall(r'<passage id="(\d+)"[^>]*>\n(.*?)\n</passage>', prompt, re.DOTALL)
    return [f"{text.split('. ')[0].rstrip('.')} [{number}]. " for number, text in passages]


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


async def _serve(port: int) -> None:
    async with FakePool(remembers=False).running(port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
