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
from typing import Any

from common.logs import get_logger
from common.metrics import SPANS
from common.settings import ServiceSettings
from llm_proxy import otlp
from llm_proxy.http_client import Origin, Patience, UpstreamClient
from llm_proxy.http_connection import UpstreamBroken

log = get_logger("tracing")
# A receiver that is away costs memory up to this many spans; what comes then is dropped, and counted.
QUEUE_SPANS = 8192
BATCH_SPANS = 512
EXPORT_EVERY_S = 1.0
EXPORT_TIMEOUT_S = 5.0
# The receiver may take these again; anything else it would refuse once more.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
KINDS = {"embeddings": "EMBEDDING", "rerank": "RERANKER"}


class Span:
    """The span of one request, being written. Names and numbers only: the pool never puts text of requests there."""

    __slots__ = ("_span",)

    def __init__(self, name: str, link: tuple[bytes, bytes] | None, fixed: bytes) -> None:
        ids = random.randbytes(24)  # noqa: S311 - they must differ, not be secret
        self._span = otlp.Span(ids[:16], ids[16:], name, time.time_ns(), link, fixed)

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

    def encoded(self) -> bytes:
        """As it ends now."""
        return otlp.encoded(self._span, time.time_ns())


class Tracing:
    """The spans that ended and wait to be sent, when there is a receiver."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._endpoint = settings.otlp_endpoint
        self.on = self._endpoint is not None and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true"
        self._resource = {
            **_pairs(os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")),
            "service.name": settings.service,
            "service.version": settings.commit,
            "deployment.environment.name": settings.environment,
            "container.image.digest": settings.image_digest,
        }
        secret = settings.otlp_headers.get_secret_value() if settings.otlp_headers else ""
        self._headers = _pairs(secret)
        self._ended: deque[bytes] = deque()
        self._full = asyncio.Event()
        self._count = {name: SPANS.labels(settings.service, name) for name in ("ended", "exported", "failed")}

    def begin(self, operation: str, model: str, config_hash: str, headers: Mapping[str, str]) -> Span:
        """The span of a request: a root, because trace stores list a trace by its root, with a link to the caller's."""
        caller = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
        link = (bytes.fromhex(caller[1]), bytes.fromhex(caller[2])) if caller else None
        return Span(f"{operation} {model}", link, _fixed(operation, model, config_hash))

    def end(self, span: Span) -> None:
        """Take the finished span."""
        self._count["ended"].inc()
        if len(self._ended) >= QUEUE_SPANS:
            self._count["failed"].inc()
            return
        self._ended.append(span.encoded())
        if len(self._ended) == BATCH_SPANS:
            self._full.set()

    @asynccontextmanager
    async def sending(self, client: UpstreamClient) -> AsyncGenerator[None]:
        """Send what ends while the context is open; on its way out what is left gets one try."""
        if not self.on or self._endpoint is None:
            yield
            return
        sender = _Sender(client, self._endpoint, self._headers)
        task = asyncio.create_task(self._send_on(sender), name="spans")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            while self._ended and await self._send_batch(sender):
                pass

    async def _send_on(self, sender: "_Sender") -> None:
        while True:
            try:
                async with asyncio.timeout(EXPORT_EVERY_S):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._full.clear()
            # What ends meanwhile waits for its turn: batches of a few would cost more than their spans.
            due = len(self._ended)
            while due > 0 and await self._send_batch(sender):
                due -= BATCH_SPANS

    async def _send_batch(self, sender: "_Sender") -> bool:
        """Send the oldest spans; False when they stay, because the receiver may take them later."""
        spans = [self._ended.popleft() for _ in range(min(BATCH_SPANS, len(self._ended)))]
        try:
            status = await sender.send(otlp.batch(self._resource, spans))
        except BaseException:
            self._ended.extendleft(reversed(spans))
            raise
        if status in PASSING:
            self._ended.extendleft(reversed(spans))
            return False
        sent = 200 <= status < 300
        self._count["exported" if sent else "failed"].inc(len(spans))
        if not sent:
            log.warning("spans_refused", status=status, spans=len(spans))
        return True


class _Sender:
    """Posts batches."""

    def __init__(self, client: UpstreamClient, url: str, headers: Mapping[str, str]) -> None:
        self._client = client
        self._origin = Origin.of(url)
        path = url.split("/", 3)[3] if url.count("/") > 2 else ""
        lines = {"host": self._origin.host_header, "content-type": "application/x-protobuf", **headers}
        more = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._head = f"POST /{path} HTTP/1.1\r\nuser-agent: fairlead\r\n{more}".encode("latin-1")

    async def send(self, body: bytes) -> int:
        """The receiver's status; 503 when there was none."""
        patience = Patience(EXPORT_TIMEOUT_S, EXPORT_TIMEOUT_S, asyncio.get_running_loop().time() + EXPORT_TIMEOUT_S)
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


def _pairs(text: str) -> dict[str, Any]:
    """`name=value,…` as the environment variables of OpenTelemetry have it."""
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
