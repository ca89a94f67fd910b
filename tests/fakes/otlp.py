"""Both ends of OTLP over HTTP: a backend that keeps what it gets, and traces to send."""

import asyncio
import gzip
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from fakes.traces import attributes

__all__ = ["Backend", "attributes", "backend", "send", "trace"]
WAIT_S = 30


@dataclass
class Backend:
    """What arrived, in its order; while `down` it answers 503."""

    url: str
    port: int
    spans: list[Span] = field(default_factory=list[Span])
    headers: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])
    down: bool = False
    refused: int = 0
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def traces(self) -> set[str]:
        return {span.trace_id.hex() for span in self.spans}

    async def until(self, condition: Callable[["Backend"], bool]) -> None:
        """Wait for it; fails with what has arrived."""
        try:
            async with asyncio.timeout(WAIT_S), self._changed:
                await self._changed.wait_for(lambda: condition(self))
        except TimeoutError:
            names = sorted(span.name for span in self.spans)
            raise AssertionError(f"did not come about; {len(names)} spans, {self.refused} refused: {names}") from None

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        async with self._changed:
            self._changed.notify_all()
            if self.down:
                self.refused += 1
                return web.Response(status=503)
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
            message = ExportTraceServiceRequest.FromString(body)
            self.spans += [span for r in message.resource_spans for scope in r.scope_spans for span in scope.spans]
        return web.Response()


@asynccontextmanager
async def backend(port: int = 0, path: str = "/v1/traces") -> AsyncIterator[Backend]:
    """A backend that listens."""
    app = web.Application(client_max_size=1 << 28)
    runner = web.AppRunner(app)
    kept = Backend("", port)
    app.router.add_post(path, kept.take)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    kept.port = runner.addresses[0][1]
    kept.url = f"http://127.0.0.1:{kept.port}"
    try:
        yield kept
    finally:
        await runner.cleanup()


def trace(
    name: str,
    *,
    steps: int = 1,
    seconds: float = 0.1,
    error: bool = False,
    trace_id: bytes | None = None,
    root: bool = True,
    **attributes: Any,
) -> list[Span]:
    """A trace: a root by that name with these attributes (`__` stands for a dot), and as many steps below it."""
    of = trace_id or os.urandom(16)
    end = time.time_ns()
    begin = end - int(seconds * 1e9)
    spans = [
        Span(
            trace_id=of,
            span_id=os.urandom(8),
            name=name,
            kind=Span.SPAN_KIND_INTERNAL,
            start_time_unix_nano=begin,
            end_time_unix_nano=end,
            attributes=[KeyValue(key=key.replace("__", "."), value=_value(value)) for key, value in attributes.items()],
        )
    ]
    if error:
        spans[0].status.code = Status.STATUS_CODE_ERROR
    spans += [
        Span(
            trace_id=of,
            span_id=os.urandom(8),
            parent_span_id=spans[0].span_id,
            name=f"{name}.{number}",
            start_time_unix_nano=begin,
            end_time_unix_nano=end,
        )
        for number in range(steps)
    ]
    return spans if root else spans[1:]


async def send(url: str, *traces: Sequence[Span], service: str = "orchestrator") -> int:
    """Send traces as one request of a service; the receiver's status."""
    resource = ResourceSpans(scope_spans=[ScopeSpans(spans=[span for spans in traces for span in spans])])
    resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value=service)))
    body = gzip.compress(ExportTraceServiceRequest(resource_spans=[resource]).SerializeToString())
    headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    async with httpx.AsyncClient(timeout=WAIT_S, trust_env=False) as client:
        return (await client.post(f"{url}/v1/traces", content=body, headers=headers)).status_code


def _value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_value(each) for each in value]))
    return AnyValue(string_value=str(value))
