"""The way of a span through the platform as double entry: at every hop what came, where it went, what is missing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from observability.samples import Reading, Series

SPANS = "fairlead_spans_total"
LOST = "fairlead_spans_lost_total"
QUEUED = "fairlead_spans_queued"
ACCEPTED = "otelcol_receiver_accepted_spans"
INCOMING = "otelcol_processor_incoming_items"
FILTERED = "otelcol_processor_filter_spans_filtered"
DECIDED = "otelcol_processor_tail_sampling_count_traces_sampled"
UNDECIDED = "otelcol_processor_tail_sampling_sampling_traces_on_memory"
TOO_EARLY = "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early"
SENT = "otelcol_exporter_sent_spans"
SEND_FAILED = "otelcol_exporter_send_failed_spans"
NOT_QUEUED = "otelcol_exporter_enqueue_failed_spans"
WAITING = "otelcol_exporter_queue_size"
BUFFERED = "fairlead_trace_buffer_spans_total"
HELD = "fairlead_trace_buffer_held_spans"
PROMOTIONS = "fairlead_trace_promotions_total"

COUNTERS = (
    *(SPANS, LOST, ACCEPTED, INCOMING, FILTERED, DECIDED, TOO_EARLY),
    *(SENT, SEND_FAILED, NOT_QUEUED, BUFFERED, PROMOTIONS),
)
GAUGES = (QUEUED, UNDECIDED, WAITING, HELD)
BUFFER = "otlp_http/buffer"
MLFLOW = "otlp_http/mlflow"
# From the first of two tiers of collectors to the second.
BETWEEN_TIERS = "loadbalancing"


@dataclass(frozen=True)
class Hop:
    """One place that spans (`unit`) pass. `tolerance` is what may be on its way between two counters that are read
    a moment apart; a note explains a surplus, which is no loss."""

    name: str
    came: float
    went: Mapping[str, float]
    tolerance: float = 0.0
    unit: str = "spans"
    note: str = ""

    @property
    def missing(self) -> float:
        """What came and is nowhere; negative: more went than came."""
        return self.came - sum(self.went.values())

    @property
    def unexplained(self) -> bool:
        """Whether something is missing that nothing accounts for."""
        return self.missing > self.tolerance

    @property
    def lost(self) -> float:
        """What was dropped, and counted."""
        return sum(count for reason, count in self.went.items() if reason.startswith("dropped"))


def hops(reading: Reading, stored_traces: int | None) -> Iterator[Hop]:
    """Every hop from the services to the stores, in the order in which a span passes them."""
    edge = reading.motion(lambda series: series.at_begin) + reading.motion(lambda series: series.at_end)
    yield from _services(reading, edge)
    yield _received(reading, edge)
    yield _sampler(reading, edge)
    yield _kept(reading, edge)
    yield from _exporters(reading, edge)
    if reading.of(BUFFERED):
        yield from _buffer(reading, edge)
    if stored_traces is not None:
        yield _stored(reading, stored_traces, edge)


def _services(reading: Reading, edge: float) -> Iterator[Hop]:
    # What a process sends as it ends is not in its last scrape; the collector has counted it.
    surplus = max(0.0, reading.total(ACCEPTED, receiver="otlp") - reading.total(SPANS, result="exported"))
    for service in reading.values(SPANS, "service"):
        went = {
            "exported": reading.total(SPANS, service=service, result="exported"),
            "queued": reading.total(QUEUED, service=service),
        }
        for reason in sorted({each.labels["reason"] for each in reading.of(LOST, service=service)}):
            went[f"dropped: {reason}"] = reading.total(LOST, service=service, reason=reason)
        hop = Hop(f"{service} ended", reading.total(SPANS, service=service, result="ended"), went, edge)
        if hop.missing > 0 and any(each.process_ended for each in reading.of(SPANS, service=service)):
            after = min(hop.missing, surplus)
            surplus -= after
            hop = replace(hop, went={**went, "sent after the last scrape of a process": after})
        yield hop


def _received(reading: Reading, edge: float) -> Hop:
    exported = reading.total(SPANS, result="exported")
    accepted = reading.total(ACCEPTED, receiver="otlp")
    more = accepted - exported
    note = ""
    if more > 0:
        note = f"{more:.0f} more: of other programs, of processes at their end, or sent again after a lost answer"
    return Hop("services exported", exported, {"accepted by the collector": accepted}, edge, note=note)


def _sampler(reading: Reading, edge: float) -> Hop:
    """The sampler counts traces and not spans, so what it still holds is what has not come out of it."""
    accepted = reading.total(ACCEPTED, receiver="otlp")
    decided = reading.total(INCOMING, processor="filter/kept")
    waiting, dropped = reading.total(UNDECIDED), reading.total(TOO_EARLY)
    went = {"decided": decided}
    for reason, name in ({"queued before it": WAITING, "dropped: the queue before it was full": NOT_QUEUED}).items():
        if between := reading.total(name, exporter=BETWEEN_TIERS):
            went[reason] = between
    inside = max(0.0, accepted - sum(went.values()))
    if dropped:
        went[f"dropped: {dropped:.0f} traces too many to wait for"] = inside
    elif waiting:
        went[f"in {waiting:.0f} undecided traces"] = inside
    return Hop("collector accepted", accepted, went, edge)


def _kept(reading: Reading, edge: float) -> Hop:
    held = reading.total(FILTERED, filter="filter/kept")
    return Hop(
        "sampler decided",
        reading.total(INCOMING, processor="filter/kept"),
        {"kept": reading.total(INCOMING, processor="transform/kept"), "not kept": held},
        edge,
    )


def _exporters(reading: Reading, edge: float) -> Iterator[Hop]:
    kept = reading.total(INCOMING, processor="transform/kept")
    promoted = reading.total(ACCEPTED, receiver="otlp/promoted")
    names = {each.labels["exporter"] for name in (SENT, WAITING) for each in reading.of(name) if _of_traces(each)}
    for exporter in sorted(names):
        went = {
            "sent": reading.total(SENT, exporter=exporter),
            "queued": reading.total(WAITING, exporter=exporter),
            "dropped: the queue was full": reading.total(NOT_QUEUED, exporter=exporter),
            "dropped: refused": reading.total(SEND_FAILED, exporter=exporter),
        }
        if exporter == BUFFER:
            yield Hop("not kept", reading.total(FILTERED, filter="filter/kept"), went, edge)
        else:
            yield Hop(f"kept or promoted, to {exporter.partition('/')[2]}", kept + promoted, went, edge)


def _of_traces(series: Series) -> bool:
    return series.labels["exporter"].startswith("otlp_http/")


def _buffer(reading: Reading, edge: float) -> Iterator[Hop]:
    def count(*results: str) -> float:
        return sum(reading.total(BUFFERED, result=result) for result in results)

    came = count("held", "repeated", "of_no_tenant")
    yield Hop("sent to the buffer", reading.total(SENT, exporter=BUFFER), {"taken by the buffer": came}, edge)
    went = {name: count(name) for name in ("promoted", "expired", "overflowed")}
    went["dropped: overflowed"] = went.pop("overflowed")
    # What it held before the window is held still, or has gone in it.
    yield Hop("held by the buffer", count("held"), {"held": reading.total(HELD), **went}, edge)
    accepted = reading.total(ACCEPTED, receiver="otlp/promoted")
    yield Hop("promoted", count("promoted"), {"accepted by the collector": accepted}, edge)


def _stored(reading: Reading, stored: int, edge: float) -> Hop:
    kept = sum(each.total for each in reading.of(DECIDED, decision="sampled") if each.labels.get("policy") != "held")
    promoted = reading.total(PROMOTIONS, result="sent")
    waiting = reading.total(WAITING, exporter=MLFLOW)
    lost = reading.total(NOT_QUEUED, exporter=MLFLOW) + reading.total(SEND_FAILED, exporter=MLFLOW)
    missing = max(0.0, kept + promoted - stored)
    went = {"in MLflow": float(stored)}
    if missing and waiting:
        went["their spans are queued"] = min(missing, waiting)
        missing -= went["their spans are queued"]
    if missing and lost:
        went["dropped: with spans counted above"] = min(missing, lost)
    more = stored - kept - promoted
    note = f"{more:.0f} more: written by other programs, or before this window" if more > 0 else ""
    return Hop("kept or promoted", kept + promoted, went, edge, unit="traces", note=note)
