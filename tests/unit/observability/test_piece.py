"""A batch is taken apart by trace and put together again without a span lost, doubled or changed."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from observability.piece import PROMOTED_BY, BadBatch, decompressed, pieces, promoted

# Trace, service and scope of each span of a batch.
BATCHES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)


def batch(spans: list[tuple[int, int, int]]) -> ExportTraceServiceRequest:
    """Spans named by their number, one resource for each."""
    request = ExportTraceServiceRequest()
    for number, (trace, service, scope) in enumerate(spans):
        resource = request.resource_spans.add()
        resource.resource.attributes.add(key="service.name").value.string_value = f"service {service}"
        of_scope = resource.scope_spans.add()
        of_scope.scope.name = f"scope {scope}"
        span = of_scope.spans.add(trace_id=bytes([trace + 1] * 16), span_id=bytes([number + 1] * 8), name=str(number))
        span.attributes.add(key="fairlead.tenant").value.string_value = f"tenant {trace}"
    return request


def flat(request: ExportTraceServiceRequest) -> dict[str, tuple[str, str, bytes]]:
    """Service, scope and trace of each span, by its name."""
    return {
        span.name: (resource.resource.attributes[0].value.string_value, scope.scope.name, span.trace_id)
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


@given(BATCHES)
def test_all_of_a_trace_comes_back_as_it_was(spans: list[tuple[int, int, int]]) -> None:
    request = batch(spans)
    found = pieces(request.SerializeToString())
    assert sum(piece.spans for piece in found) == len(spans)
    assert {piece.trace_id for piece in found} == {bytes([trace + 1] * 16).hex() for trace, _, _ in spans}
    again = ExportTraceServiceRequest()
    for piece in found:
        part = ExportTraceServiceRequest.FromString(promoted([piece.content], "feedback"))
        assert {trace.hex() for _, _, trace in flat(part).values()} == {piece.trace_id}
        again.MergeFrom(part)
    assert flat(again) == flat(request)


@given(BATCHES)
def test_the_same_batch_has_the_same_digests(spans: list[tuple[int, int, int]]) -> None:
    body = batch(spans).SerializeToString()
    assert [piece.digest for piece in pieces(body)] == [piece.digest for piece in pieces(body)]


def test_every_promoted_span_says_why() -> None:
    (piece,) = pieces(batch([(0, 0, 0), (0, 1, 1)]).SerializeToString())
    request = ExportTraceServiceRequest.FromString(promoted([piece.content], "feedback"))
    spans: list[Span] = [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
    assert [span.attributes[-1].key for span in spans] == [PROMOTED_BY] * 2
    assert piece.tenant == "tenant 0"


def test_a_trace_id_of_the_wrong_length_is_named() -> None:
    request = batch([(0, 0, 0)])
    request.resource_spans[0].scope_spans[0].spans[0].trace_id = b"short"
    with pytest.raises(BadBatch, match="span '0' has a trace id of 5 bytes"):
        pieces(request.SerializeToString())


def test_a_body_that_grows_too_large_is_refused() -> None:
    body = gzip.compress(b"\0" * 1_000_000)
    assert len(body) < 2_000
    with pytest.raises(BadBatch, match="more than 10000 bytes"):
        decompressed(body, "gzip", 10_000)
    assert decompressed(body, "gzip", 1_000_000) == b"\0" * 1_000_000
