"""What the pool writes is what OpenTelemetry's own classes read."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from llm_proxy import otlp
from llm_proxy.otlp import Span

TEXTS = st.text(max_size=300)
VALUES = TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
ATTRIBUTES = st.dictionaries(TEXTS, VALUES, max_size=5)
TIMES = st.integers(0, 2**63)
SPANS = st.builds(
    Span,
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=8, max_size=8),
    TEXTS,
    TIMES,
    st.none() | st.tuples(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8)),
    st.just(otlp.attributes({"\nshared": "by many"})),
    ATTRIBUTES,
    st.lists(st.tuples(TIMES, TEXTS, ATTRIBUTES), max_size=3),
    st.none() | TEXTS,
)


def read(body: bytes) -> tuple[dict[str, Any], list[SpanMessage]]:
    message = ExportTraceServiceRequest.FromString(body)
    (of_resource,) = message.resource_spans
    (of_scope,) = of_resource.scope_spans
    assert of_scope.scope.name == "fairlead"
    return values(of_resource.resource.attributes), list(of_scope.spans)


def values(attributes: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


@given(st.dictionaries(TEXTS, TEXTS, max_size=3), st.lists(st.tuples(SPANS, TIMES), max_size=4))
def test_a_batch_is_read_as_it_was_meant(resource: dict[str, str], ended: list[tuple[Span, int]]) -> None:
    described, spans = read(otlp.batch(resource, [otlp.encoded(span, end_ns) for span, end_ns in ended]))
    assert described == resource
    assert len(spans) == len(ended)
    for got, (span, end_ns) in zip(spans, ended, strict=True):
        assert (got.trace_id, got.span_id, got.parent_span_id) == (span.trace_id, span.span_id, b"")
        assert (got.name, got.kind) == (span.name, SpanMessage.SPAN_KIND_SERVER)
        assert (got.start_time_unix_nano, got.end_time_unix_nano) == (span.start_ns, end_ns)
        assert values(got.attributes) == {"\nshared": "by many"} | span.attributes
        assert [(e.time_unix_nano, e.name, values(e.attributes)) for e in got.events] == span.events
        assert [(link.trace_id, link.span_id) for link in got.links] == ([span.link] if span.link else [])
        assert (got.status.code, got.status.message) == ((0, "") if span.error is None else (otlp.ERROR, span.error))


def test_what_is_no_text_in_utf_8_loses_one_character_and_no_batch() -> None:
    span = Span(b"t" * 16, b"s" * 8, "chat m", 1, attributes={"model": "half \ud800", "cost": math.inf})
    (got,) = read(otlp.batch({}, [otlp.encoded(span, 2)]))[1]
    assert values(got.attributes) == {"model": "half ?", "cost": math.inf}
