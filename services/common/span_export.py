"""Sends spans to a trace receiver in the background: bounded in number and bytes, redacted, every loss counted.

The SDK's own batch processor drops what its queue cannot hold without a count, and gives a batch up after one failure.
Here `ended = exported + failed + dropped + queued` holds at every moment, and a receiver that is away for a while
costs memory, not spans.
"""

import gzip
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import requests
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from common.logs import get_logger
from common.metrics import SPANS, SPANS_LOST, SPANS_QUEUED
from common.otel_environment import PASSING, Bounds, Receiver

log = get_logger("span_export")
CAPTURE = "fairlead.capture"
LONGEST_PAUSE_S = 30.0
# A batch with more text than this is sent in parts: receivers bound what they take at once.
BATCH_BYTES = 4 * 1024 * 1024
WARN_EVERY_S = 60.0


class SpanExport(SpanProcessor):
    """Takes spans as they end; a thread of its own redacts, encodes and sends them."""

    def __init__(self, service: str, receiver: Receiver, redact: Callable[[str], str], bounds: Bounds) -> None:
        self._receiver = receiver
        self._redact = redact
        self._bounds = bounds
        self._service = service
        self._count = {name: SPANS.labels(service, name) for name in ("ended", "exported", "failed", "dropped")}
        self._queue: deque[tuple[ReadableSpan, int]] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closing: float | None = None
        self._in_flight = 0
        self._flushing = False
        self._warned = 0.0
        SPANS_QUEUED.labels(service).set_function(lambda: len(self._queue) + self._in_flight)
        self._session = requests.Session()
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span; never waits for the receiver."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        size = _size(span)
        with self._changed:
            self._count["ended"].inc()
            if self._closing is not None:
                self._lose("dropped", "closed", 1)
            elif len(self._queue) >= self._bounds.spans:
                self._lose("dropped", "queue_full", 1)
            elif self._bytes + size > self._bounds.bytes and self._queue:
                self._lose("dropped", "bytes_full", 1)
            else:
                self._queue.append((span, size))
                self._bytes += size
                if len(self._queue) == self._bounds.batch:
                    self._changed.notify_all()

    def shutdown(self, timeout_s: float | None = None) -> None:
        """Send what waits, for as long as one export may take; what is left then is counted as dropped."""
        with self._changed:
            if self._closing is None:
                self._closing = time.monotonic() + (self._receiver.timeout_s if timeout_s is None else timeout_s)
            self._changed.notify_all()
        self._thread.join(self._receiver.timeout_s * 2)
        self._session.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait until nothing waits; False when that took too long."""
        until = time.monotonic() + timeout_millis / 1000
        with self._changed:
            self._flushing = True
            self._changed.notify_all()
            empty = self._changed.wait_for(
                lambda: not self._queue and not self._in_flight, max(0.0, until - time.monotonic())
            )
            self._flushing = False
        return empty

    def _run(self) -> None:
        pause = 0.0
        while True:
            batch = self._next(pause)
            if batch is None:
                return
            if not batch:
                continue
            last_try = self._closing
            sent = self._send(batch)
            with self._changed:
                self._in_flight = 0
                if sent:
                    pause = 0.0
                else:
                    # They were first and stay first.
                    self._queue.extendleft((span, _size(span)) for span in reversed(batch))
                    self._bytes += sum(_size(span) for span in batch)
                    pause = min(LONGEST_PAUSE_S, max(self._bounds.every_s, 2 * pause))
                if last_try is not None and (not sent or time.monotonic() >= last_try):
                    self._lose("dropped", "closed", len(self._queue))
                    self._queue.clear()
                    self._bytes = 0
                self._changed.notify_all()

    def _next(self, pause: float) -> list[ReadableSpan] | None:
        """The next batch, perhaps empty; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._due(pause), pause or self._bounds.every_s)
            if not self._queue:
                return None if self._closing is not None else []
            batch: list[ReadableSpan] = []
            size = 0
            while self._queue and len(batch) < self._bounds.batch and (not batch or size < BATCH_BYTES):
                span, bytes_ = self._queue.popleft()
                batch.append(span)
                size += bytes_
            self._bytes -= size
            self._in_flight = len(batch)
            return batch

    def _due(self, pause: float) -> bool:
        """Whether the sender goes on before its time."""
        full = len(self._queue) >= self._bounds.batch
        return self._closing is not None or (not pause and (full or (self._flushing and bool(self._queue))))

    def _send(self, spans: Sequence[ReadableSpan]) -> bool:
        """Whether the batch is done with; False: it may be sent again later."""
        try:
            message = encode_spans(spans)
            redact(message, self._redact)
            body = message.SerializeToString()
            headers = {**self._receiver.headers, "content-type": "application/x-protobuf"}
            if self._receiver.gzip:
                body, headers["content-encoding"] = gzip.compress(body, 3), "gzip"
            answer = self._session.post(
                self._receiver.url, data=body, headers=headers, timeout=self._receiver.timeout_s, allow_redirects=False
            )
        except requests.RequestException as error:
            self._warn("spans_not_sent", type(error).__name__)
            return False
        except Exception as error:  # noqa: BLE001
            # A span that cannot be written must not stop those after it.
            self._warn("spans_not_encoded", type(error).__name__)
            self._lose("failed", "not_encoded", len(spans))
            return True
        if answer.status_code in PASSING:
            self._warn("spans_not_taken", str(answer.status_code))
            return False
        if answer.ok:
            self._count["exported"].inc(len(spans))
        else:
            self._warn("spans_refused", str(answer.status_code))
            self._lose("failed", "refused", len(spans))
        return True

    def _lose(self, result: str, reason: str, spans: int) -> None:
        self._count[result].inc(spans)
        SPANS_LOST.labels(self._service, reason).inc(spans)

    def _warn(self, event: str, reason: str) -> None:
        """Said once a minute: the counters say how much."""
        if time.monotonic() - self._warned >= WARN_EVERY_S:
            self._warned = time.monotonic()
            log.warning(event, reason=reason, queued=len(self._queue))


def redact(message: ExportTraceServiceRequest, text: Callable[[str], str]) -> None:
    """Redact names, messages, attributes and events in place; spans captured in full are left alone."""
    for resource in message.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                if any(each.key == CAPTURE and each.value.string_value == "full" for each in span.attributes):
                    continue
                span.name = text(span.name)
                if span.status.message:
                    span.status.message = text(span.status.message)
                _attributes(span.attributes, text)
                for event in span.events:
                    event.name = text(event.name)
                    _attributes(event.attributes, text)
                for link in span.links:
                    _attributes(link.attributes, text)


def _attributes(attributes: "Sequence[KeyValue]", text: Callable[[str], str]) -> None:
    for each in attributes:
        _value(each.value, text)


def _value(value: AnyValue, text: Callable[[str], str]) -> None:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        clean = text(value.string_value)
        if clean != value.string_value:
            value.string_value = clean
    elif kind == "array_value":
        for inner in value.array_value.values:
            _value(inner, text)


def _size(span: ReadableSpan) -> int:
    """About the bytes of the span's text: what makes a span large."""
    attributes = span.attributes or {}
    return 512 + sum(len(value) for value in attributes.values() if isinstance(value, str))
