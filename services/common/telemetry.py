"""Traces by the plain OpenTelemetry SDK, exported in the background: no answer ever waits for the trace store."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Status, StatusCode
from opentelemetry.util.types import AttributeValue

from common.logs import get_logger
from common.metrics import SPANS
from common.release_start import ReleaseStart
from common.settings import ServiceSettings

log = get_logger("telemetry")

Kind = Literal["CHAIN", "RETRIEVER", "RERANKER", "EMBEDDING", "LLM", "GUARDRAIL", "TOOL"]
# A trace store that is away for a while costs memory up to this many spans; then the oldest wait, newer are dropped.
QUEUE_SPANS = 4096
BATCH_SPANS = 256
EXPORT_EVERY_MS = 1000
EXPORT_TIMEOUT_S = 5
# Longer content is cut and marked: a 10 MB prompt must not become a 10 MB span.
LONGEST_CONTENT = 256 * 1024


class Span:
    """The span being written. Content enters by `input`, `output` and `documents` alone, which capture switches off."""

    def __init__(self, otel: trace.Span, capture: bool) -> None:
        self._otel = otel
        self._capture = capture and otel.is_recording()

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return f"{self._otel.get_span_context().trace_id:032x}"

    def set(self, key: str, value: AttributeValue | None) -> None:
        """Set one attribute; None sets nothing."""
        if value is not None:
            self._otel.set_attribute(key, value)

    def tag(self, key: str, value: str | None) -> None:
        """Set an attribute of the root span that people filter traces by; MLflow makes it a tag of the trace."""
        self.set(key, value)
        self.set(f"mlflow.traceTag.{key}", value)

    def event(self, name: str, **attributes: AttributeValue) -> None:
        """Note something that happened at this moment."""
        self._otel.add_event(name, attributes)

    def input(self, value: Any) -> None:
        """What went into the step."""
        self._content("input", value)

    def output(self, value: Any) -> None:
        """What came out of the step."""
        self._content("output", value)

    def documents(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Retrieved documents as `{"id", "content", "score", "metadata"}`, in their order.

        Written twice: in OpenInference's flat attributes, and as the JSON list of `{content, metadata}` that trace
        stores show as retrieved documents.
        """
        for place, document in enumerate(documents):
            prefix = f"retrieval.documents.{place}.document"
            self.set(f"{prefix}.id", str(document["id"]))
            self.set(f"{prefix}.score", float(document["score"]))
        listed = [
            {
                "page_content": document["content"],
                "metadata": {"score": document["score"], **document["metadata"]},
                "id": document["id"],
            }
            for document in documents
        ]
        self.output(listed)

    def fail(self, reason: BaseException | str) -> None:
        """Mark the step as failed; an exception is recorded with its type and message."""
        if isinstance(reason, BaseException):
            self._otel.record_exception(reason)
        self._otel.set_status(Status(StatusCode.ERROR, str(reason)[:500]))

    def ok(self) -> None:
        """Mark the step as done without failure, beyond doubt."""
        self._otel.set_status(Status(StatusCode.OK))

    def _content(self, key: str, value: Any) -> None:
        if not self._capture:
            return
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        if len(text) > LONGEST_CONTENT:
            self._otel.set_attribute(f"fairlead.{key}.cut_from_chars", len(text))
            text = text[:LONGEST_CONTENT]
        self._otel.set_attribute(f"{key}.value", text)
        mime = "text/plain" if isinstance(value, str) else "application/json"
        self._otel.set_attribute(f"{key}.mime_type", mime)


class Telemetry:
    """The tracer of one service. Made once, in `create_app`."""

    def __init__(self, settings: ServiceSettings) -> None:
        resource = Resource.create(
            {
                "service.name": settings.service,
                "service.version": settings.commit,
                "deployment.environment.name": settings.environment,
                "container.image.digest": settings.image_digest,
            }
        )
        self.service = settings.service
        # Without a receiver the provider still makes ids, so that answers carry a trace id in either case.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        if settings.otlp_endpoint:
            headers = settings.otlp_headers.get_secret_value() if settings.otlp_headers else ""
            exporter = OTLPSpanExporter(
                endpoint=settings.otlp_endpoint, headers=_headers(headers), timeout=EXPORT_TIMEOUT_S
            )
            self._provider.add_span_processor(
                _CountingProcessor(
                    settings.service,
                    _CountingExporter(settings.service, exporter),
                )
            )
        self._tracer = self._provider.get_tracer("fairlead")
        self._release_start = ReleaseStart(settings.traces_first_kept)
        self.capture_content = settings.environment != "prod"

    @contextmanager
    def span(self, name: str, kind: Kind = "CHAIN", **attributes: AttributeValue | None) -> Generator[Span]:
        """A step: a child of the current span. An exception that leaves it marks it as failed."""
        with self._open(name, kind, attributes, root=False, links=()) as span:
            yield span

    @contextmanager
    def root_span(
        self, name: str, headers: Mapping[str, str], kind: Kind = "CHAIN", **attributes: AttributeValue | None
    ) -> Generator[Span]:
        """A request: parentless, because trace stores list a trace by its root, with a link to the caller's span."""
        caller = trace.get_current_span(propagate.extract(headers)).get_span_context()
        links = (Link(caller),) if caller.is_valid else ()
        with self._open(name, kind, attributes, root=True, links=links) as span:
            yield span

    @contextmanager
    def _open(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, AttributeValue | None],
        *,
        root: bool,
        links: Sequence[Link],
    ) -> Generator[Span]:
        given = {key: value for key, value in attributes.items() if value is not None}
        with self._tracer.start_as_current_span(
            name,
            context=trace.set_span_in_context(trace.INVALID_SPAN) if root else None,
            attributes={"openinference.span.kind": kind, **given},
            links=links,
            record_exception=False,
            set_status_on_exception=False,
        ) as otel:
            span = Span(otel, self.capture_content)
            if root:
                self._release_start.mark(otel)
            try:
                yield span
            except Exception as error:
                span.fail(error)
                raise

    def close(self) -> None:
        """Send what is queued, for as long as one export may take, and stop."""
        self._provider.force_flush(EXPORT_TIMEOUT_S * 1000)
        self._provider.shutdown()


def current_trace_id() -> str | None:
    """The trace of the running code as 32 hexadecimal digits."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def trace_headers() -> dict[str, str]:
    """`traceparent` for the next hop; empty outside a span."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


class _CountingExporter(SpanExporter):
    """Counts what the receiver took and what it did not: lost spans must be seen somewhere."""

    def __init__(self, service: str, inner: SpanExporter) -> None:
        self._inner = inner
        self._exported = SPANS.labels(service, "exported")
        self._failed = SPANS.labels(service, "failed")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Pass the batch on; runs in the processor's thread."""
        result = self._inner.export(spans)
        (self._exported if result is SpanExportResult.SUCCESS else self._failed).inc(len(spans))
        return result

    def shutdown(self) -> None:
        """Close the connection to the receiver."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is held back here."""
        return self._inner.force_flush(timeout_millis)


class _CountingProcessor(BatchSpanProcessor):
    """Counts spans as they end: ended − exported − failed is what waits or was dropped by a full queue."""

    def __init__(self, service: str, exporter: SpanExporter) -> None:
        super().__init__(
            exporter,
            max_queue_size=QUEUE_SPANS,
            max_export_batch_size=BATCH_SPANS,
            schedule_delay_millis=EXPORT_EVERY_MS,
        )
        self._ended = SPANS.labels(service, "ended")

    def on_end(self, span: ReadableSpan) -> None:
        """Queue the span for the background thread."""
        self._ended.inc()
        super().on_end(span)


def _headers(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
