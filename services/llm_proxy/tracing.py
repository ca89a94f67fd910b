"""One span for each request, sent to an OTLP receiver in the background: no request waits for it or its absence."""

import asyncio
import os
import random
import re
import time
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache

from common.logs import get_logger
from common.metrics import SPANS, SPANS_LOST, SPANS_QUEUED
from common.otel_environment import PASSING, Bounds, OtelEnvironment, Receiver, pairs
from common.redaction import Redactor, default
from common.settings import ServiceSettings
from llm_proxy import otlp
from llm_proxy.http_client import Origin, Patience, UpstreamClient
from llm_proxy.http_connection import UpstreamBroken

log = get_logger("tracing")
# A receiver that is away costs memory up to this many spans; what comes then is dropped, and counted.
QUEUE_SPANS = 8192
BATCH_SPANS = 512
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
KINDS = {"embeddings": "EMBEDDING", "rerank": "RERANKER"}


class Span:
    """The span of one request, being written. Names and numbers only: the pool never puts text of requests there."""

    __slots__ = ("_span",)

    def __init__(self, name: str, link: tuple[bytes, bytes] | None, fixed: bytes) -> None:
        ids = random.randbytes(24)  # noqa: S311 - they must differ, not be secret
        self._span = otlp.Span(ids[:16], ids[16:], name, time.time_ns(), link, fixed)

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return self._span.trace_id.hex()

    def set(self, key: str, value: otlp.Value) -> None:
        """Set one attribute."""
        self._span.attributes[key] = value

    def event(self, name: str, **attributes: otlp.Value) -> None:
        """Note something that happened at this moment."""
        self._span.events.append((time.time_ns(), name, attributes))

    def fail(self, reason: str) -> None:
        """Mark the request as failed."""
        self._span.error = reason[:500]

    def headers(self) -> dict[str, str]:
        """`traceparent` for the endpoint."""
        return {"traceparent": f"00-{self._span.trace_id.hex()}-{self._span.span_id.hex()}-01"}

    def encoded(self, redactor: Redactor) -> bytes:
        """As it ends now. Only what went wrong is in words that are not our own configuration's: it is redacted."""
        span = self._span
        if span.error is not None:
            span.error = redactor.text(span.error)
        for _, _, attributes in span.events:
            if (detail := attributes.get("detail")) is not None:
                attributes["detail"] = redactor.value(detail)
        return otlp.encoded(span, time.time_ns())


class Tracing:
    """The spans that ended and wait to be sent, when there is a receiver."""

    def __init__(self, settings: ServiceSettings) -> None:
        environment = OtelEnvironment()
        self._receiver = environment.receiver(settings)
        self._bounds = environment.bounds(Bounds(spans=QUEUE_SPANS, batch=BATCH_SPANS))
        self.on = self._receiver is not None
        self.redactor = default()
        self._resource = {
            **pairs(os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")),
            "service.name": environment.service_name or settings.service,
            "service.version": settings.commit,
            "deployment.environment.name": settings.environment,
            "container.image.digest": settings.image_digest,
        }
        self._ended: deque[bytes] = deque()
        self._in_flight = 0
        self._full = asyncio.Event()
        self._service = settings.service
        self._count = {
            name: SPANS.labels(settings.service, name) for name in ("ended", "exported", "failed", "dropped")
        }
        SPANS_QUEUED.labels(settings.service).set_function(lambda: len(self._ended) + self._in_flight)

    def begin(self, operation: str, model: str, config_hash: str, headers: Mapping[str, str]) -> Span:
        """The span of a request: a root, because trace stores list a trace by its root, with a link to the caller's."""
        caller = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
        link = (bytes.fromhex(caller[1]), bytes.fromhex(caller[2])) if caller else None
        return Span(f"{operation} {model}", link, _fixed(operation, model, config_hash))

    def end(self, span: Span) -> None:
        """Take the finished span."""
        self._count["ended"].inc()
        if len(self._ended) >= self._bounds.spans:
            self._lose("dropped", "queue_full", 1)
            return
        self._ended.append(span.encoded(self.redactor))
        if len(self._ended) == self._bounds.batch:
            self._full.set()

    @asynccontextmanager
    async def sending(self, client: UpstreamClient) -> AsyncGenerator[None]:
        """Send what ends while the context is open; on its way out what is left gets one try."""
        if self._receiver is None:
            yield
            return
        sender = _Sender(client, self._receiver)
        task = asyncio.create_task(self._send_on(sender), name="spans")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            while self._ended and await self._send_batch(sender):
                pass
            self._lose("dropped", "closed", len(self._ended))
            self._ended.clear()

    async def _send_on(self, sender: "_Sender") -> None:
        while True:
            try:
                async with asyncio.timeout(self._bounds.every_s):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._full.clear()
            # What ends meanwhile waits for its turn: batches of a few would cost more than their spans.
            due = len(self._ended)
            while due > 0 and await self._send_batch(sender):
                due -= self._bounds.batch

    async def _send_batch(self, sender: "_Sender") -> bool:
        """Send the oldest spans; False when they stay, because the receiver may take them later."""
        spans = [self._ended.popleft() for _ in range(min(self._bounds.batch, len(self._ended)))]
        self._in_flight = len(spans)
        try:
            status = await sender.send(otlp.batch(self._resource, spans))
        except BaseException:
            self._ended.extendleft(reversed(spans))
            raise
        finally:
            self._in_flight = 0
        if status in PASSING:
            self._ended.extendleft(reversed(spans))
            return False
        if 200 <= status < 300:
            self._count["exported"].inc(len(spans))
        else:
            self._lose("failed", "refused", len(spans))
            log.warning("spans_refused", status=status, spans=len(spans))
        return True

    def _lose(self, result: str, reason: str, spans: int) -> None:
        self._count[result].inc(spans)
        if spans:
            SPANS_LOST.labels(self._service, reason).inc(spans)


class _Sender:
    """Posts batches."""

    def __init__(self, client: UpstreamClient, receiver: Receiver) -> None:
        self._client = client
        self._timeout_s = receiver.timeout_s
        self._origin = Origin.of(receiver.url)
        path = receiver.url.split("/", 3)[3] if receiver.url.count("/") > 2 else ""
        lines = {"host": self._origin.host_header, "content-type": "application/x-protobuf", **receiver.headers}
        more = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._head = f"POST /{path} HTTP/1.1\r\nuser-agent: fairlead\r\n{more}".encode("latin-1")

    async def send(self, body: bytes) -> int:
        """The receiver's status; 503 when there was none."""
        limit = self._timeout_s
        patience = Patience(limit, limit, asyncio.get_running_loop().time() + limit)
        head = b"%scontent-length: %d\r\n\r\n" % (self._head, len(body))
        try:
            connection = await self._client.exchange(self._origin, head, body, patience, whole=True)
        except UpstreamBroken as broken:
            log.debug("spans_not_sent", reason=str(broken))
            return 503
        try:
            return connection.status
        finally:
            connection.done()


@lru_cache(maxsize=1024)
def _fixed(operation: str, model: str, config_hash: str) -> bytes:
    return otlp.attributes(
        {
            "openinference.span.kind": KINDS.get(operation, "LLM"),
            "gen_ai.operation.name": operation,
            "gen_ai.request.model": model,
            "gen_ai.provider.name": "fairlead",
            "fairlead.config_hash": config_hash,
        }
    )
