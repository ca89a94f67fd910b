"""Every service's requests are traces without a word of their routes; a route may say better what it is about."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from common.app import create_app
from common.auth import CallerDep
from common.errors import ApiError
from common.settings import ServiceSettings
from common.telemetry import current_span, current_trace_id
from common.threads import ContextThreads
from fakes.traces import TraceReceiver, attributes

router = APIRouter()


@router.post("/things/{thing_id}")
async def change_thing(thing_id: str, caller: CallerDep, request: Request) -> dict[str, Any]:
    with request.app.state.telemetry.span("step") as step:
        step.input("what is changed")
    return {"trace_id": current_trace_id()}


@router.post("/named")
async def named(request: Request) -> dict[str, str]:
    telemetry = request.app.state.telemetry
    with telemetry.root_span("answer", request.headers, kind="RETRIEVER", tenant="quiet") as root:
        root.input("a question")
        with telemetry.root_span("another", {}) as other:
            return {"trace_id": root.trace_id, "other": other.trace_id}


@router.post("/stream")
async def stream(request: Request) -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        with request.app.state.telemetry.span("piece"):
            yield b"a piece"

    return StreamingResponse(pieces())


@router.post("/refused")
async def refused() -> None:
    raise ApiError(404, "There is no such thing.")


@router.post("/broken")
async def broken() -> None:
    raise RuntimeError("the engine room is flooded")


@router.post("/threads")
async def threads(request: Request) -> None:
    telemetry = request.app.state.telemetry

    def work(name: str) -> int:
        with telemetry.span(name):
            return threading.get_ident()

    loop = asyncio.get_running_loop()
    here = threading.get_ident()
    with ContextThreads(1) as own, ThreadPoolExecutor(1) as plain:
        assert await loop.run_in_executor(None, work, "default executor") != here
        assert await loop.run_in_executor(own, work, "own executor") != here
        assert await asyncio.to_thread(work, "to_thread") != here
        await loop.run_in_executor(plain, work, "plain executor")
        await asyncio.gather(*(asyncio.create_task(asyncio.to_thread(work, f"task {n}")) for n in range(2)))


@router.get("/things")
async def read(request: Request) -> dict[str, Any]:
    current_span().set("nobody", "reads this")
    return {"trace_id": current_trace_id()}


@asynccontextmanager
async def asked(receiver: TraceReceiver, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a traced service; when the context closes, all of its spans have been sent."""
    app: FastAPI = create_app(ServiceSettings(service="test", otlp_endpoint=receiver.url, **settings), routers=[router])
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client
        await asyncio.to_thread(app.state.telemetry.close)


@pytest.fixture
async def receiver() -> AsyncIterator[TraceReceiver]:
    async with TraceReceiver().running() as receiver:
        yield receiver


def by_name(receiver: TraceReceiver) -> dict[str, SentSpan]:
    return {span.name: span for span in receiver.spans}


async def test_a_request_is_a_trace_by_itself(receiver: TraceReceiver) -> None:
    caller = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    async with asked(receiver) as client:
        answer = await client.post("/things/7", headers={"x-request-id": "req-1", "traceparent": caller})
    spans = by_name(receiver)
    root, step = spans["POST /things/{thing_id}"], spans["step"]
    assert answer.json()["trace_id"] == root.trace_id.hex() == step.trace_id.hex()
    assert (root.parent_span_id, step.parent_span_id) == (b"", root.span_id)
    assert (root.kind, root.status.code) == (SentSpan.SPAN_KIND_SERVER, Status.STATUS_CODE_OK)
    assert [link.trace_id.hex() for link in root.links] == ["a" * 32]
    said = attributes(root)
    assert said["http.route"] == "/things/{thing_id}"
    assert (said["http.request.method"], said["http.response.status_code"]) == ("POST", 200)
    assert said["fairlead.request_id"] == "req-1"
    assert attributes(step)["input.value"] == "what is changed"


async def test_who_knows_what_it_is_about_names_it_once(receiver: TraceReceiver) -> None:
    async with asked(receiver) as client:
        answer = (await client.post("/named")).json()
    spans = by_name(receiver)
    assert set(spans) == {"answer", "another"}
    assert answer == {"trace_id": spans["answer"].trace_id.hex(), "other": spans["another"].trace_id.hex()}
    assert answer["trace_id"] != answer["other"]
    said = attributes(spans["answer"])
    assert (said["openinference.span.kind"], said["input.value"], said["http.route"]) == (
        "RETRIEVER",
        "a question",
        "/named",
    )


async def test_a_stream_is_in_its_requests_trace(receiver: TraceReceiver) -> None:
    async with asked(receiver) as client:
        assert (await client.post("/stream")).text == "a piece"
    spans = by_name(receiver)
    assert spans["piece"].parent_span_id == spans["POST /stream"].span_id
    assert spans["piece"].end_time_unix_nano <= spans["POST /stream"].end_time_unix_nano


async def test_what_goes_wrong_is_told_apart(receiver: TraceReceiver) -> None:
    async with asked(receiver) as client:
        for path in ("/refused", "/broken", "/nowhere"):
            await client.post(path)
    spans = by_name(receiver)
    assert spans["POST /refused"].status.code == Status.STATUS_CODE_UNSET
    assert attributes(spans["POST /refused"])["http.response.status_code"] == 404
    assert attributes(spans["POST other"])["http.response.status_code"] == 404
    flooded = spans["POST /broken"]
    assert flooded.status.code == Status.STATUS_CODE_ERROR
    assert attributes(flooded)["error.type"] == "500"
    (event,) = flooded.events
    assert attributes(event)["exception.message"] == "the engine room is flooded"
    assert "in broken" in attributes(event)["exception.stacktrace"]


async def test_threads_and_tasks_go_on_in_the_trace(receiver: TraceReceiver) -> None:
    async with asked(receiver) as client:
        assert (await client.post("/threads")).status_code == 200
    spans = by_name(receiver)
    root = spans.pop("POST /threads")
    below = {name for name, span in spans.items() if span.parent_span_id == root.span_id}
    assert below == {"default executor", "own executor", "to_thread", "task 0", "task 1"}
    assert spans["plain executor"].trace_id != root.trace_id


async def test_reading_is_no_trace(receiver: TraceReceiver) -> None:
    async with asked(receiver) as client:
        assert (await client.get("/things")).json() == {"trace_id": None}
        await client.get("/readyz")
    assert receiver.spans == []
