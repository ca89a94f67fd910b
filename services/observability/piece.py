"""Spans by trace: what a batch of OTLP holds of each, compressed as it is kept, and put together again to be sent."""

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, TracesData

TENANT = "fairlead.tenant"
# The user's own name may have been taken out.
USER = "fairlead.user"
PROMOTED_BY = "fairlead.promoted_by"
# The fastest level takes a tenth of the time of the best and a fifth more space.
LEVEL = 1


class BadBatch(Exception):
    """Not a batch of spans; the message says what is wrong with it."""


@dataclass(frozen=True)
class Piece:
    """What arrived of one trace at once. `tenant` is None where no span of it says whose it is."""

    trace_id: str
    tenant: str | None
    user: str | None
    spans: int
    digest: bytes
    content: bytes


def decompressed(body: bytes, encoding: str | None, most_bytes: int) -> bytes:
    """The body as it was before its content encoding; raises BadBatch for another one or more than `most_bytes`."""
    if encoding in (None, "", "identity"):
        return body
    if encoding != "gzip":
        raise BadBatch(f"content-encoding {encoding} is not understood: send gzip, or none")
    decompressor = zlib.decompressobj(wbits=31)
    try:
        text = decompressor.decompress(body, most_bytes)
    except zlib.error as error:
        raise BadBatch(f"the body is not gzip: {error}") from None
    if decompressor.unconsumed_tail:
        raise BadBatch(f"the body has more than {most_bytes} bytes when decompressed: send smaller batches")
    return text


def pieces(body: bytes) -> list[Piece]:
    """The batch, an ExportTraceServiceRequest in protobuf, by trace; raises BadBatch."""
    try:
        request = ExportTraceServiceRequest.FromString(body)
    except DecodeError:
        raise BadBatch("the body is no ExportTraceServiceRequest in protobuf") from None
    traces: dict[bytes, TracesData] = {}
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            of_scope: dict[bytes, list[Span]] = {}
            for span in scope.spans:
                of_scope.setdefault(span.trace_id, []).append(span)
            for trace_id, spans in of_scope.items():
                if len(trace_id) != 16:
                    raise BadBatch(f"span {spans[0].name!r} has a trace id of {len(trace_id)} bytes instead of 16")
                part = traces.setdefault(trace_id, TracesData()).resource_spans.add()
                part.resource.CopyFrom(resource.resource)
                part.schema_url = resource.schema_url
                kept = part.scope_spans.add(schema_url=scope.schema_url, spans=spans)
                kept.scope.CopyFrom(scope.scope)
    return [_piece(trace_id.hex(), data) for trace_id, data in traces.items()]


def promoted(contents: Iterable[bytes], reason: str) -> bytes:
    """An ExportTraceServiceRequest of everything held of a trace; each span says why it is stored after all."""
    request = ExportTraceServiceRequest()
    for content in contents:
        held = TracesData.FromString(zlib.decompress(content)).resource_spans
        for span in _spans(held):
            span.attributes.add(key=PROMOTED_BY).value.string_value = reason
        request.resource_spans.extend(held)
    return request.SerializeToString()


def _piece(trace_id: str, data: TracesData) -> Piece:
    spans = list(_spans(data.resource_spans))
    text = data.SerializeToString(deterministic=True)
    return Piece(
        trace_id=trace_id,
        tenant=_first(spans, TENANT),
        user=_first(spans, USER),
        spans=len(spans),
        digest=hashlib.sha256(text).digest(),
        content=zlib.compress(text, LEVEL),
    )


def _spans(resources: Iterable[ResourceSpans]) -> Iterable[Span]:
    return (span for resource in resources for scope in resource.scope_spans for span in scope.spans)


def _first(spans: Sequence[Span], key: str) -> str | None:
    values = (entry.value.string_value for span in spans for entry in span.attributes if entry.key == key)
    return next((value for value in values if value), None)
