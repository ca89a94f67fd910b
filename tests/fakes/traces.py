"""A receiver of OTLP traces over HTTP that keeps what it gets, and can be away."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PATIENCE_S = 20.0


class TraceReceiver:
    """`status` is what it answers; only with 200 it keeps the spans."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.spans: list[Span] = []
        self.resources: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.calls = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["TraceReceiver"]:
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/v1/traces", self._traces)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def named(self, name: str, count: int = 1) -> list[Span]:
        """The spans of that name, once there are so many."""
        async with asyncio.timeout(PATIENCE_S):
            while len(found := [span for span in self.spans if span.name == name]) < count:
                await asyncio.sleep(0.02)
        return found

    async def _traces(self, request: web.Request) -> web.Response:
        self.calls += 1
        body = await request.read()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if self.status == 200:
            message = ExportTraceServiceRequest.FromString(body)
            self.headers.append(dict(request.headers))
            for each in message.resource_spans:
                self.resources.append(attributes(each.resource))
                self.spans += [span for scope in each.scope_spans for span in scope.spans]
        return web.Response(status=self.status)


def attributes(carrier: Any) -> dict[str, Any]:
    """Attributes of a span, an event or a resource as plain values."""
    return {each.key: _plain(each.value) for each in carrier.attributes}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(inner) for inner in value.array_value.values]
    return getattr(value, kind) if kind else None
