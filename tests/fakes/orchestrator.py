"""A scripted orchestrator over real HTTP: the chat page's tests say what it answers, and when.

`python -m fakes.orchestrator` (with `tests` and `services` on the path) serves it for looking at the page by hand.
"""

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from common.document_kinds import KINDS
from fakes import passages
from orchestrator import routes_page

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
CONFIG_HASH = "3fa9c01d77be"

Gate = asyncio.Event


@dataclass
class Answer:
    """One scripted answer. A `Gate` among the pieces holds the stream until the test opens it."""

    pieces: list[str | Gate] = field(default_factory=lambda: ["Ships moor at the east quay", " [1]."])
    citations: list[dict[str, Any]] = field(default_factory=lambda: [passages.citation(1)])
    degraded: list[str] = field(default_factory=list)
    trace_id: str = TRACE_ID
    before_head: Gate | None = None
    """Holds even the response's head."""
    error: dict[str, Any] | None = None
    """Sent in the middle of the stream, after the pieces."""
    cut: bool = False
    """The stream ends after the pieces as a broken connection does: without a reason and without [DONE]."""
    bytes_per_write: int | None = None
    """Cuts the stream anywhere, also inside a character."""

    def events(self) -> list[str | Gate]:
        """The stream as server-sent events."""
        return [piece if isinstance(piece, Gate) else self._event(piece) for piece in self.pieces] + self._end()

    def _end(self) -> list[str | Gate]:
        if self.error:
            return [_sse({"error": self.error})]
        if self.cut:
            return []
        facts = {"citations": self.citations, "trace_id": self.trace_id, "degraded": self.degraded}
        last = _chunk({}, "stop") | facts | {"config_hash": CONFIG_HASH}
        usage = {"prompt_tokens": 812, "completion_tokens": 42, "total_tokens": 854}
        return [_sse(last), _sse(_chunk({}, None) | {"choices": [], "usage": usage}), "data: [DONE]\n\n"]

    def _event(self, piece: str) -> str:
        return _sse(_chunk({"content": piece}, None))


@dataclass
class Failure:
    """One request that does not work: the next one whose `METHOD path` matches gets this."""

    pattern: str
    status: int
    message: str = "It did not work."
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> JSONResponse:
        error = {"message": self.message, "type": "server_error", "param": None, "code": self.code}
        return JSONResponse({"error": error}, self.status, self.headers)


@dataclass
class StoredFile:
    id: str
    name: str
    status: str = "completed"
    reason: str | None = None
    bytes: int = 1000
    facts: dict[str, Any] = field(default_factory=dict)
    """What its reading found out."""
    chunks: list[dict[str, Any]] = field(default_factory=list)
    """What it consists of, as the content path gives it."""


@dataclass
class FakeOrchestrator:
    """What it holds and what was asked of it; a test changes either."""

    address: str = ""
    """Where its page is, while it is served."""
    key: str | None = None
    answers: deque[Answer] = field(default_factory=deque)
    failures: list[Failure] = field(default_factory=list)
    stores: dict[str, dict[str, StoredFile]] = field(default_factory=dict)
    store_names: dict[str, str] = field(default_factory=dict)
    uploaded: dict[str, StoredFile] = field(default_factory=dict)
    models: list[dict[str, Any]] = field(default_factory=list)
    health: dict[str, Any] = field(default_factory=lambda: {"state": "ok", "degraded": []})
    trace_url: str | None = "http://traces.example/#/traces/tr-{trace_id}"
    max_upload_bytes: int = 1024 * 1024 * 1024
    scores: dict[str, float] = field(default_factory=dict)
    """What search says of a question; any other scores 0.9."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """Bodies of the chat requests."""
    feedback: list[dict[str, Any]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    """Every address asked for, with its query."""
    upload_gate: Gate | None = None
    reading_gate: Gate | None = None
    sources: list[dict[str, Any]] | None = None
    """What `/v1/sources` lists; None is an API that has no such path."""
    has_retry: bool = True
    hits: list[dict[str, Any]] | None = None
    """What a search finds, and with `search_facts` what it says of itself; None is one passage without a text."""
    search_facts: dict[str, Any] = field(default_factory=dict)
    read: Callable[[StoredFile], None] = lambda file: setattr(file, "status", "completed")
    """What reading does to a file once `reading_gate` is open."""
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a reader leaves a stream before its end."""

    def add_store(self, store_id: str, name: str, *files: StoredFile) -> None:
        self.stores[store_id] = {file.id: file for file in files}
        self.store_names[store_id] = name

    def app(self) -> FastAPI:
        app = FastAPI()
        app.include_router(routes_page.router)
        app.include_router(_routes(self))

        @app.middleware("http")
        async def guard(request: Request, call_next: Callable[[Request], Any]) -> Response:
            self.addresses.append(str(request.url))
            if not request.url.path.startswith(("/v1/", "/ui-config")):
                return await call_next(request)
            if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
                return Failure("", 401, "The API key is missing or not valid.", "invalid_api_key").response()
            for failure in self.failures:
                if re.fullmatch(failure.pattern, f"{request.method} {request.url.path}"):
                    self.failures.remove(failure)
                    return failure.response()
            return await call_next(request)

        return app

    def store(self, store_id: str) -> dict[str, Any]:
        statuses = [file.status for file in self.stores[store_id].values()]
        counts = {name: statuses.count(name) for name in ("in_progress", "completed", "failed", "cancelled")}
        counts["total"] = len(statuses)
        named = {"id": store_id, "object": "vector_store", "name": self.store_names[store_id]}
        return named | {"file_counts": counts, "status": "completed", "created_at": 1, "usage_bytes": 1}


def _routes(fake: FakeOrchestrator) -> APIRouter:
    routes = APIRouter()

    @routes.get("/healthz")
    async def healthz() -> JSONResponse:
        return JSONResponse(fake.health, 503 if fake.health["state"] == "down" else 200)

    @routes.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": fake.models}

    @routes.get("/ui-config")
    async def ui_config() -> dict[str, Any]:
        kinds = [{"label": kind.label, "suffixes": list(kind.suffixes)} for kind in KINDS]
        return {"trace_url": fake.trace_url, "max_upload_bytes": fake.max_upload_bytes, "document_kinds": kinds}

    @routes.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        fake.requests.append(await request.json())
        answer = fake.answers.popleft() if fake.answers else Answer()
        if answer.before_head:
            await answer.before_head.wait()
        return StreamingResponse(_stream(fake, answer), media_type="text/event-stream")

    @routes.post("/v1/feedback")
    async def feedback(request: Request) -> JSONResponse:
        fake.feedback.append(await request.json())
        return JSONResponse({"id": f"feedback-{len(fake.feedback)}"} | fake.feedback[-1], 201)

    @routes.get("/v1/vector_stores")
    async def stores() -> dict[str, Any]:
        return {"object": "list", "data": [fake.store(store_id) for store_id in fake.stores], "has_more": False}

    @routes.post("/v1/vector_stores")
    async def create_store(request: Request) -> dict[str, Any]:
        store_id = f"vs_{len(fake.stores) + 1}"
        fake.add_store(store_id, (await request.json())["name"])
        return fake.store(store_id)

    @routes.get("/v1/vector_stores/{store_id}")
    async def store(store_id: str) -> dict[str, Any]:
        return fake.store(store_id)

    @routes.get("/v1/vector_stores/{store_id}/files")
    async def store_files(
        store_id: str, limit: int = 20, after: str | None = None, filter: str | None = None
    ) -> dict[str, Any]:
        found = [file for file in fake.stores[store_id].values() if filter in {None, file.status}][::-1]
        start = next((i + 1 for i, file in enumerate(found) if file.id == after), 0)
        page = found[start : start + limit]
        return {
            "object": "list",
            "data": [_attached(f, store_id) for f in page],
            "has_more": start + limit < len(found),
        }

    @routes.post("/v1/vector_stores/{store_id}/files")
    async def attach(store_id: str, request: Request) -> dict[str, Any]:
        file_id = (await request.json())["file_id"]
        file = fake.uploaded.get(file_id) or fake.stores[store_id][file_id]
        file.status = "in_progress"
        fake.stores[store_id][file.id] = file
        return _attached(file, store_id)

    @routes.get("/v1/vector_stores/{store_id}/files/{file_id}")
    async def store_file(store_id: str, file_id: str) -> Response:
        file = fake.stores[store_id].get(file_id)
        if file is None:
            return Failure("", 404, "No such file.").response()
        if file.status == "in_progress" and (fake.reading_gate is None or fake.reading_gate.is_set()):
            fake.read(file)
        return JSONResponse(_attached(file, store_id))

    @routes.delete("/v1/vector_stores/{store_id}/files/{file_id}")
    async def detach(store_id: str, file_id: str) -> dict[str, Any]:
        fake.stores[store_id].pop(file_id)
        return {"id": file_id, "object": "vector_store.file.deleted", "deleted": True}

    @routes.post("/v1/vector_stores/{store_id}/search")
    async def search(store_id: str, request: Request) -> dict[str, Any]:
        score = fake.scores.get((await request.json())["query"], 0.9)
        data = [{"score": score, "content": []}] if fake.hits is None else fake.hits
        return {"object": "vector_store.search_results.page", "data": data, "fairlead": fake.search_facts}

    @routes.get("/v1/sources")
    async def sources() -> Response:
        if fake.sources is None:
            return Failure("", 404, "There is no such path.").response()
        return JSONResponse({"object": "list", "data": fake.sources})

    @routes.get("/v1/vector_stores/{store_id}/files/{file_id}/content")
    async def content(store_id: str, file_id: str) -> dict[str, Any]:
        data = [{"type": "text"} | chunk for chunk in fake.stores[store_id][file_id].chunks]
        return {"object": "vector_store.file_content.page", "data": data, "has_more": False}

    @routes.post("/v1/vector_stores/{store_id}/files/{file_id}/retry")
    async def retry(store_id: str, file_id: str) -> Response:
        if not fake.has_retry:
            return Failure("", 404, "There is no such path.").response()
        file = fake.stores[store_id][file_id]
        file.status, file.reason = "in_progress", None
        return JSONResponse(_attached(file, store_id))

    @routes.post("/v1/files")
    async def upload(request: Request) -> dict[str, Any]:
        async with request.form() as form:
            sent: Any = form["file"]
            content = await sent.read()
            if fake.upload_gate:
                await fake.upload_gate.wait()
            file = StoredFile(f"file-{len(fake.uploaded) + 1}", sent.filename, bytes=len(content))
        fake.uploaded[file.id] = file
        return {"id": file.id, "object": "file", "filename": file.name, "bytes": file.bytes, "purpose": "assistants"}

    @routes.get("/v1/files/{file_id}")
    async def file(file_id: str) -> dict[str, Any]:
        known = [file for files in fake.stores.values() for file in files.values() if file.id == file_id]
        return {"id": file_id, "object": "file", "filename": known[0].name, "bytes": known[0].bytes}

    @routes.delete("/v1/files/{file_id}")
    async def delete_file(file_id: str) -> dict[str, Any]:
        fake.uploaded.pop(file_id, None)
        return {"id": file_id, "object": "file", "deleted": True}

    return routes


async def _stream(fake: FakeOrchestrator, answer: Answer) -> AsyncIterator[bytes]:
    ended = False
    try:
        for event in answer.events():
            if isinstance(event, Gate):
                await event.wait()
                continue
            data = event.encode()
            step = answer.bytes_per_write or len(data)
            for start in range(0, len(data), step):
                yield data[start : start + step]
                await asyncio.sleep(0)
        ended = True
    finally:
        if not ended:
            fake.disconnected.set()


def _attached(file: StoredFile, store_id: str) -> dict[str, Any]:
    error = {"code": "invalid_file", "message": file.reason} if file.reason else None
    own = {"filename": file.name, "chunks": len(file.chunks) or 3, "bytes": file.bytes, "document": file.facts}
    record = {"object": "vector_store.file", "vector_store_id": store_id, "last_error": error, "created_at": 1}
    return record | {"id": file.id, "status": file.status, "usage_bytes": file.bytes, "fairlead": own}


def _chunk(delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": int(time.time()), "model": "fairlead"}
    return head | {"choices": [choice]}


def _sse(body: dict[str, Any]) -> str:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n"


def furnished() -> FakeOrchestrator:
    """A fake with one application, one knowledge base and a few documents."""
    fake = FakeOrchestrator()
    own = {"description": "", "stores": ["Harbour handbook"], "questions": list(passages.QUESTIONS)}
    fake.models = [{"id": "fairlead", "object": "model", "owned_by": "fairlead", "fairlead": own}]
    files = [StoredFile(f"file-{name}", name) for name in passages.FILES]
    fake.add_store("vs_harbour", "Harbour handbook", *files)
    return fake


@asynccontextmanager
async def serving(fake: FakeOrchestrator, port: int = 0) -> AsyncIterator[str]:
    """Serve it on the loopback address; yields the page's address."""
    server = uvicorn.Server(uvicorn.Config(fake.app(), host="127.0.0.1", port=port, log_level="warning"))
    server.config.timeout_graceful_shutdown = 1
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.01)
    try:
        fake.address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
        yield fake.address
    finally:
        server.should_exit = True
        await task


async def _serve_by_hand() -> None:
    async with serving(furnished(), 8090) as address:
        print(f"The page over a fake orchestrator: {address}")
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve_by_hand())
