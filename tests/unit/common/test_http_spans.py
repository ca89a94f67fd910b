"""Calls by aiohttp are spans of the trace they are made in, and carry it on; what addresses keep secret stays so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from common.http_spans import http_spans
from common.settings import ServiceSettings
from common.telemetry import Telemetry
from fakes.traces import TraceReceiver, attributes


class Called:
    """A server that answers with the status in its path, or never, and remembers who traced the call."""

    def __init__(self) -> None:
        self.parents: list[str | None] = []
        self.url = ""
        self.waiting = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Called"]:
        async def answer(request: web.Request) -> web.Response:
            parent = request.headers.get("traceparent")
            self.parents.append(parent and parent.rpartition("-")[0])
            if request.match_info["status"] == "never":
                self.waiting.set()
                await asyncio.Event().wait()
            return web.Response(status=int(request.match_info["status"]))

        app = web.Application()
        app.router.add_route("*", "/{status}", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://user:hunter22@127.0.0.1:{runner.addresses[0][1]}"
        yield self
        await runner.cleanup()


@pytest.fixture
async def receiver() -> AsyncIterator[TraceReceiver]:
    async with TraceReceiver().running() as receiver:
        yield receiver


async def traced_calls(receiver: TraceReceiver, server: Called) -> list[SentSpan]:
    tracing = Telemetry(ServiceSettings(service="test", otlp_endpoint=receiver.url))
    async with aiohttp.ClientSession(trace_configs=[http_spans()]) as http:
        await http.get(f"{server.url}/204?outside=of-a-trace")
        with tracing.root_span("visit", {}):
            await http.post(f"{server.url}/200?key=hunter22#hunter22")
            await http.get(f"{server.url}/503")
            with pytest.raises(aiohttp.ClientConnectorError):
                await http.get("http://127.0.0.1:1/")
            left: asyncio.Task[Any] = asyncio.create_task(_get(http, f"{server.url}/never"))
            await server.waiting.wait()
            left.cancel()
            await asyncio.gather(left, return_exceptions=True)
    await asyncio.to_thread(tracing.close)
    return receiver.spans


async def _get(http: aiohttp.ClientSession, url: str) -> None:
    await http.get(url)


async def test_calls_are_spans_and_carry_the_trace(receiver: TraceReceiver) -> None:
    async with Called().running() as server:
        spans = await traced_calls(receiver, server)
    *calls, root = spans
    assert [span.name for span in calls] == ["POST 127.0.0.1", "GET 127.0.0.1", "GET 127.0.0.1", "GET 127.0.0.1"]
    assert {(span.parent_span_id, span.kind) for span in calls} == {(root.span_id, SentSpan.SPAN_KIND_CLIENT)}
    parents = [f"00-{span.trace_id.hex()}-{span.span_id.hex()}" for span in calls]
    assert server.parents == [None, parents[0], parents[1], parents[3]]
    ok, unavailable, refused, cancelled = (attributes(span) for span in calls)
    assert ok["url.full"] == f"http://127.0.0.1:{ok['server.port']}/200"
    assert (ok["http.request.method"], ok["http.response.status_code"]) == ("POST", 200)
    assert (unavailable["error.type"], refused["error.type"]) == ("503", "ClientConnectorError")
    assert cancelled["error.type"] == "CancelledError"
    codes = [span.status.code for span in calls]
    unset, error = Status.STATUS_CODE_UNSET, Status.STATUS_CODE_ERROR
    assert codes == [unset, error, error, unset]
    assert b"hunter22" not in b"".join(span.SerializeToString() for span in spans)
