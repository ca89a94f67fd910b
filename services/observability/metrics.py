"""What became of the spans that the trace buffer was given."""

from typing import Literal

from common.metrics import counter, gauge

BUFFER_SPANS = counter(
    "trace_buffer_spans_total",
    "Spans by what became of them: held; of_no_tenant, repeated (not held); expired, overflowed, promoted (no longer)",
    ["result"],
)
HELD_SPANS = gauge("trace_buffer_held_spans", "Spans held now")
HELD_BYTES = gauge("trace_buffer_held_bytes", "Bytes held now, compressed")
PROMOTIONS = counter("trace_promotions_total", "Tries to store a trace after all, by what became of them", ["result"])

Result = Literal["held", "of_no_tenant", "repeated", "expired", "overflowed", "promoted"]


def count(result: Result, spans: int) -> None:
    """Count spans of the buffer."""
    BUFFER_SPANS.labels(result).inc(spans)
