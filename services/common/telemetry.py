"""Traces by the plain OpenTelemetry SDK, exported in the background: no answer ever waits for the trace store."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import msgspec
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from common.observing import Capture, ContentTunables
from common.otel_environment import OtelEnvironment
from common.redaction import default
from common.release_start import ReleaseStart
from common.settings import ServiceSettings
from common.span_export import CAPTURE, SpanExport

Kind = Literal["CHAIN", "RETRIEVER", "RERANKER", "EMBEDDING", "LLM", "GUARDRAIL", "TOOL"]
# Longer content is cut and marked: a 10 MB prompt must not become a 10 MB span.
LONGEST_CONTENT = 256 * 1024
# What a replay asks again; one that was cut is none.
REQUEST = "fairlead.request"
# The SDK's 128 would silently leave out documents where fifty are retrieved, each with several attributes.
MOST_ATTRIBUTES = 1024


class Span:
    """The span being written. Content enters by `input`, `output` and `documents` alone, which capture switches off."""

    def __init__(self, otel: trace.Span, capture: Capture) -> None:
        self._otel = otel
        self._capture = capture != "off" and otel.is_recording()

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

    def request(self, body: Mapping[str, Any]) -> None:
        """What asks the same again, for a replay."""
        if self._capture:
            self._otel.set_attribute(REQUEST, _json(body)[: LONGEST_CONTENT + 1])

    def documents(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Retrieved documents as `{"id", "content", "score", "metadata"}`, in their order.

        Written twice: in OpenInference's flat attributes, and as the JSON list of `{content, metadata}` that trace
        stores show as retrieved documents.
        """
        flat: dict[str, AttributeValue] = {}
        for place, document in enumerate(documents):
            prefix = f"retrieval.documents.{place}.document"
            flat[f"{prefix}.id"] = str(document["id"])
            flat[f"{prefix}.score"] = float(document["score"])
        self._otel.set_attributes(flat)
        if not self._capture:
            return
        # Cut one by one, so that the list stays one that can be read; writing all of it first would cost most.
        each_chars = LONGEST_CONTENT // max(1, len(documents))
        length = sum(len(document["content"]) for document in documents)
        if length > LONGEST_CONTENT:
            self._otel.set_attribute("fairlead.output.cut_from_chars", length)
        self.output(
            [
                {
                    "page_content": document["content"][:each_chars]
                    if length > LONGEST_CONTENT
                    else document["content"],
                    "metadata": {"score": document["score"], **document["metadata"]},
                    "id": document["id"],
                }
                for document in documents
            ]
        )

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
        is_text = isinstance(value, str)
        text = value if is_text else _json(value)
        written: dict[str, AttributeValue] = {f"{key}.mime_type": "text/plain" if is_text else "application/json"}
        if len(text) > LONGEST_CONTENT:
            written[f"fairlead.{key}.cut_from_chars"] = len(text)
            text = text[:LONGEST_CONTENT]
        written[f"{key}.value"] = text
        self._otel.set_attributes(written)


class Telemetry:
    """The tracer of one service. Made once, in `create_app`.

    It takes what OpenTelemetry's environment variables say (`common.otel_environment`); Fairlead's own settings come
    before them.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        environment = OtelEnvironment()
        self.service = environment.service_name or settings.service
        resource = Resource.create(
            {
                "service.name": self.service,
                "service.version": settings.commit,
                "deployment.environment.name": settings.environment,
                "container.image.digest": settings.image_digest,
            }
        )
        # Without a receiver the provider still makes ids, so that answers carry a trace id in either case.
        limits = SpanLimits(max_span_attributes=environment.most_attributes or MOST_ATTRIBUTES)
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False, span_limits=limits)
        self._redactor = default()
        receiver = environment.receiver(settings)
        self._export: SpanExport | None = None
        if receiver is not None:
            self._export = SpanExport(settings.service, receiver, self.redacted, environment.bounds())
            self._provider.add_span_processor(self._export)
        self._tracer = self._provider.get_tracer("fairlead")
        self._ids = RandomIdGenerator()
        self._disabled = environment.sdk_disabled
        self._environment = settings.environment
        self._content = ContentTunables()
        self._release_start = ReleaseStart(settings.traces_first_kept)

    def capture(self, content: ContentTunables) -> None:
        """Capture content as these tunables say, from the next span on."""
        self._redactor = content.redactor()
        self._content = content

    def redacted(self, text: str) -> str:
        """The text without what must not leave the service."""
        return self._redactor.text(text)

    @contextmanager
    def span(self, name: str, kind: Kind = "CHAIN", **attributes: AttributeValue | None) -> Generator[Span]:
        """A step: a child of the current span. An exception that leaves it marks it as failed."""
        with self._open(name, kind, attributes, root=False, links=(), capture=_capture.get()) as span:
            yield span

    @contextmanager
    def root_span(
        self,
        name: str,
        headers: Mapping[str, str],
        kind: Kind = "CHAIN",
        *,
        tenant: str | None = None,
        **attributes: AttributeValue | None,
    ) -> Generator[Span]:
        """A request: parentless, because trace stores list a trace by its root, with a link to the caller's span.

        The tenant decides how much content is captured, in this span and in those below it.
        """
        caller = trace.get_current_span(propagate.extract(headers)).get_span_context()
        links = (Link(caller),) if caller.is_valid else ()
        capture = self._content.capture_for(tenant, self._environment)
        token = _capture.set(capture)
        try:
            with self._open(name, kind, attributes, root=True, links=links, capture=capture) as span:
                yield span
        finally:
            _capture.reset(token)

    @contextmanager
    def _open(
        self,
        name: str,
        kind: Kind,
        attributes: Mapping[str, AttributeValue | None],
        *,
        root: bool,
        links: Sequence[Link],
        capture: Capture,
    ) -> Generator[Span]:
        if self._disabled:
            with trace.use_span(self._nothing(root)) as otel:
                yield Span(otel, "off")
            return
        given = {key: value for key, value in attributes.items() if value is not None}
        with self._tracer.start_as_current_span(
            name,
            context=trace.set_span_in_context(trace.INVALID_SPAN) if root else None,
            attributes={"openinference.span.kind": kind, CAPTURE: capture, **given},
            links=links,
            record_exception=False,
            set_status_on_exception=False,
        ) as otel:
            span = Span(otel, capture)
            if root:
                self._release_start.mark(otel)
            try:
                yield span
            except Exception as error:
                span.fail(error)
                raise

    def _nothing(self, root: bool) -> trace.Span:
        """With OTEL_SDK_DISABLED: no span, but an id, which answers and feedback go by."""
        above = trace.get_current_span().get_span_context()
        trace_id = self._ids.generate_trace_id() if root or not above.is_valid else above.trace_id
        flags = TraceFlags(TraceFlags.DEFAULT)
        return NonRecordingSpan(SpanContext(trace_id, self._ids.generate_span_id(), is_remote=False, trace_flags=flags))

    def close(self) -> None:
        """Send what is queued, for as long as one export may take, and stop."""
        self._provider.shutdown()


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return json.dumps(value, default=str)


# How much of the request that is being served goes into its spans.
_capture: ContextVar[Capture] = ContextVar("capture", default="off")


def current_trace_id() -> str | None:
    """The trace of the running code as 32 hexadecimal digits."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def trace_headers() -> dict[str, str]:
    """`traceparent` for the next hop; empty outside a span."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier
