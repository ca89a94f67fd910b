"""Traces by the plain OpenTelemetry SDK, exported in the background: no answer ever waits for the trace store."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags
from opentelemetry.util.types import AttributeValue

from common.observing import ContentTunables
from common.otel_environment import OtelEnvironment
from common.redaction import default
from common.release_start import ReleaseStart
from common.settings import ServiceSettings
from common.span import Captured, Document, Span
from common.span_export import CAPTURE, SpanExport

__all__ = [
    "NO_SPAN",
    "Document",
    "Kind",
    "RootSpan",
    "Span",
    "Telemetry",
    "current",
    "current_span",
    "current_trace_id",
    "trace_headers",
]

Kind = Literal["CHAIN", "RETRIEVER", "RERANKER", "EMBEDDING", "LLM", "GUARDRAIL", "TOOL"]
KIND = "openinference.span.kind"
# The SDK's 128 would silently leave out documents where fifty are retrieved, each with several attributes.
MOST_ATTRIBUTES = 1024


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

    def span(self, name: str, kind: Kind = "CHAIN", **attributes: AttributeValue | None) -> Span:
        """A step below the current span: run it by `with`, or end it by `Span.end` where it fits no block."""
        running = _trace.get()
        captured = Captured() if running is None else running.captured
        return Span(self._begun(name, {KIND: kind, **attributes}, captured), captured)

    def root_span(
        self,
        name: str,
        headers: Mapping[str, str],
        kind: Kind = "CHAIN",
        *,
        tenant: str | None = None,
        **attributes: AttributeValue | None,
    ) -> Span:
        """A request: parentless, because trace stores list a trace by its root, with a link to the caller's span.

        Inside a request that `create_app` traces already, it is that trace, under a better name. The tenant decides how
        much content is captured, in this span and in those below it.
        """
        running = _trace.get()
        if running is not None and running.telemetry is self and (root := running.claimed()) is not None:
            root.update_name(name)
            root.set_attributes(_given({KIND: kind, **attributes}))
            if tenant is not None:
                self.of_tenant(tenant)
            return Span(root, running.captured, ends=False)
        captured = Captured(self._content.capture_for(tenant, self._environment))
        root = self._begun(name, {KIND: kind, **attributes}, captured, root=True, headers=headers)
        return RootSpan(root, captured, Trace(self, captured, root, named=True))

    def request_span(self, method: str, headers: Mapping[str, str]) -> "RootSpan":
        """The root span of an HTTP request, before anything is known of it; `root_span` gives it a better name."""
        captured = Captured(self._content.capture_for(None, self._environment))
        attributes: dict[str, AttributeValue | None] = {KIND: "CHAIN", "http.request.method": method}
        root = self._begun(method, attributes, captured, root=True, headers=headers, kind=SpanKind.SERVER)
        return RootSpan(root, captured, Trace(self, captured, root))

    def client_span(self, name: str, attributes: Mapping[str, AttributeValue | None]) -> Span:
        """A call to another system, for clients that trace themselves."""
        captured = Captured() if (running := _trace.get()) is None else running.captured
        return Span(self._begun(name, attributes, captured, kind=SpanKind.CLIENT), captured)

    def of_tenant(self, tenant: str) -> None:
        """The request being served is this tenant's: from here on its content is captured as tunables say of them."""
        running = _trace.get()
        if running is None:
            return
        running.captured.mode = self._content.capture_for(tenant, self._environment)
        running.root.set_attribute(CAPTURE, running.captured.mode)

    def _begun(
        self,
        name: str,
        attributes: Mapping[str, AttributeValue | None],
        captured: Captured,
        *,
        root: bool = False,
        headers: Mapping[str, str] | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> trace.Span:
        if self._disabled:
            return self._nothing(root)
        caller = trace.get_current_span(propagate.extract(headers)).get_span_context() if headers else None
        begun = self._tracer.start_span(
            name,
            context=trace.set_span_in_context(trace.INVALID_SPAN) if root else None,
            kind=kind,
            attributes={CAPTURE: captured.mode, **_given(attributes)},
            links=(Link(caller),) if caller is not None and caller.is_valid else (),
        )
        if root:
            self._release_start.mark(begun)
        return begun

    def _nothing(self, root: bool) -> trace.Span:
        """With OTEL_SDK_DISABLED: no span, but an id, which answers and feedback go by."""
        above = trace.get_current_span().get_span_context()
        trace_id = self._ids.generate_trace_id() if root or not above.is_valid else above.trace_id
        flags = TraceFlags(TraceFlags.DEFAULT)
        return NonRecordingSpan(SpanContext(trace_id, self._ids.generate_span_id(), is_remote=False, trace_flags=flags))

    def close(self) -> None:
        """Send what is queued, for as long as one export may take, and stop."""
        self._provider.shutdown()


@dataclass
class Trace:
    """The trace of what is being done, as the code below its root span finds it."""

    telemetry: Telemetry
    captured: Captured
    root: trace.Span
    named: bool = False

    def claimed(self) -> trace.Span | None:
        """The root, for the first who knows what the request is about."""
        if self.named:
            return None
        self.named = True
        return self.root


class RootSpan(Span):
    """The span of a whole request, or of a whole job; while it runs, code below finds its trace."""

    __slots__ = ("_token_of_trace", "_whole")

    def __init__(self, otel: trace.Span, captured: Captured, whole: Trace) -> None:
        super().__init__(otel, captured)
        self._whole = whole

    @property
    def named(self) -> bool:
        """Whether some code below said by `root_span` what the request is about; then it says how it ended, too."""
        return self._whole.named

    def rename(self, name: str) -> None:
        """What is known of it only in the end."""
        self._otel.update_name(name)

    def __enter__(self) -> Self:
        """See Span."""
        self._token_of_trace = _trace.set(self._whole)
        return super().__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """See Span."""
        super().__exit__(kind, error, at)
        _trace.reset(self._token_of_trace)


NO_SPAN = Span(trace.INVALID_SPAN, Captured())
"""Keeps nothing: for code that may run outside of a trace."""

_trace: ContextVar[Trace | None] = ContextVar("trace", default=None)


def _given(attributes: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {key: value for key, value in attributes.items() if value is not None}


def current() -> Telemetry | None:
    """Whose trace the running code is in; None outside of one."""
    running = _trace.get()
    return None if running is None else running.telemetry


def current_span() -> Span:
    """The step that runs, to say more of it; outside of a trace one that keeps nothing."""
    running = _trace.get()
    return Span(trace.get_current_span(), Captured() if running is None else running.captured, ends=False)


def current_trace_id() -> str | None:
    """The trace of the running code as 32 hexadecimal digits."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def trace_headers() -> dict[str, str]:
    """`traceparent` for the next hop; empty outside a span."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier
