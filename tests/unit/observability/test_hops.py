"""Where a span goes missing, the hop after it is named; what is counted as dropped or still waits is no mystery."""

from dataclasses import replace
from typing import Any

import pytest

from observability import hops as way
from observability.hops import Hop, hops
from observability.samples import Reading, Series

MLFLOW, BUFFER = way.MLFLOW, way.BUFFER
# One service ends 100 spans in 20 traces: 60 in 12 are kept, 40 are not; 5 of those in one trace are promoted.
COUNTS: list[tuple[str, dict[str, str], float]] = [
    (way.SPANS, {"service": "orchestrator", "result": "ended"}, 100),
    (way.SPANS, {"service": "orchestrator", "result": "exported"}, 100),
    (way.QUEUED, {"service": "orchestrator"}, 0),
    (way.ACCEPTED, {"receiver": "otlp"}, 100),
    (way.INCOMING, {"processor": "filter/kept"}, 100),
    (way.INCOMING, {"processor": "transform/kept"}, 60),
    (way.FILTERED, {"filter": "filter/kept"}, 40),
    (way.FILTERED, {"filter": "filter/held"}, 60),
    (way.DECIDED, {"policy": "share", "decision": "sampled"}, 12),
    (way.DECIDED, {"policy": "held", "decision": "sampled"}, 8),
    (way.DECIDED, {"policy": "error", "decision": "not_sampled"}, 20),
    (way.UNDECIDED, {}, 0),
    (way.ACCEPTED, {"receiver": "otlp/promoted"}, 5),
    (way.SENT, {"exporter": MLFLOW}, 65),
    (way.WAITING, {"exporter": MLFLOW}, 0),
    (way.SENT, {"exporter": BUFFER}, 40),
    (way.BUFFERED, {"result": "held"}, 30),
    (way.BUFFERED, {"result": "of_no_tenant"}, 10),
    (way.BUFFERED, {"result": "promoted"}, 5),
    (way.BUFFERED, {"result": "expired"}, 5),
    (way.HELD, {}, 20),
    (way.PROMOTIONS, {"result": "sent"}, 1),
]


def reading(*changes: tuple[str, dict[str, str], float], **more: Any) -> Reading:
    """The counts above with some of them other, or further ones."""
    counts = {(name, *labels.items()): (name, labels, value) for name, labels, value in [*COUNTS, *changes]}
    return Reading([Series(name, labels, value, **more) for name, labels, value in counts.values()])


def unexplained(found: Reading, stored: int | None = 13) -> dict[str, float]:
    return {hop.name: hop.missing for hop in hops(found, stored) if hop.unexplained}


def hop(found: Reading, name: str, stored: int | None = 13) -> Hop:
    return next(hop for hop in hops(found, stored) if hop.name == name)


def test_when_everything_adds_up_nothing_is_missing() -> None:
    assert unexplained(reading()) == {}
    assert all(hop.missing == 0 for hop in hops(reading(), 13))


@pytest.mark.parametrize(
    ("change", "name", "missing"),
    [
        ((way.SPANS, {"service": "orchestrator", "result": "exported"}, 97), "orchestrator ended", 3),
        ((way.ACCEPTED, {"receiver": "otlp"}, 90), "services exported", 10),
        ((way.INCOMING, {"processor": "filter/kept"}, 98), "collector accepted", 2),
        ((way.INCOMING, {"processor": "transform/kept"}, 58), "sampler decided", 2),
        ((way.SENT, {"exporter": MLFLOW}, 64), "kept or promoted, to mlflow", 1),
        ((way.SENT, {"exporter": BUFFER}, 36), "not kept", 4),
        ((way.BUFFERED, {"result": "of_no_tenant"}, 9), "sent to the buffer", 1),
        ((way.HELD, {}, 19), "held by the buffer", 1),
        ((way.ACCEPTED, {"receiver": "otlp/promoted"}, 3), "promoted", 2),
    ],
)
def test_the_hop_that_loses_is_named(change: tuple[str, dict[str, str], float], name: str, missing: float) -> None:
    assert unexplained(reading(change))[name] == missing


def test_the_store_itself_is_a_hop() -> None:
    assert unexplained(reading(), stored=11) == {"kept or promoted": 2}
    assert "2 more" in hop(reading(), "kept or promoted", stored=15).note


def test_what_was_dropped_and_counted_is_explained() -> None:
    changes = [
        (way.SPANS, {"service": "orchestrator", "result": "exported"}, 90.0),
        (way.LOST, {"service": "orchestrator", "reason": "queue_full"}, 10.0),
        (way.ACCEPTED, {"receiver": "otlp"}, 90.0),
        (way.INCOMING, {"processor": "filter/kept"}, 90.0),
        (way.INCOMING, {"processor": "transform/kept"}, 50.0),
        (way.SENT, {"exporter": MLFLOW}, 45.0),
        (way.NOT_QUEUED, {"exporter": MLFLOW}, 10.0),
    ]
    found = reading(*changes)
    assert unexplained(found, stored=11) == {}, "two traces went with the ten spans"
    assert sum(hop.lost for hop in hops(found, 11) if hop.unit == "spans") == 20


def test_what_waits_is_explained() -> None:
    changes = [
        (way.QUEUED, {"service": "orchestrator"}, 10.0),
        (way.SPANS, {"service": "orchestrator", "result": "exported"}, 90.0),
        (way.ACCEPTED, {"receiver": "otlp"}, 90.0),
        (way.INCOMING, {"processor": "filter/kept"}, 80.0),
        (way.UNDECIDED, {}, 2.0),
        (way.INCOMING, {"processor": "transform/kept"}, 40.0),
        (way.SENT, {"exporter": MLFLOW}, 30.0),
        (way.WAITING, {"exporter": MLFLOW}, 15.0),
    ]
    assert unexplained(reading(*changes), stored=9) == {}


def test_what_waits_between_two_tiers_is_explained() -> None:
    before = {"exporter": way.BETWEEN_TIERS}
    found = reading(
        (way.INCOMING, {"processor": "filter/kept"}, 70), (way.WAITING, before, 20), (way.NOT_QUEUED, before, 10)
    )
    went = hop(found, "collector accepted").went
    assert went == {"decided": 70, "queued before it": 20, "dropped: the queue before it was full": 10}
    assert hop(found, "collector accepted").lost == 10


def test_traces_too_many_for_the_sampler_are_a_counted_loss() -> None:
    changes = [
        (way.INCOMING, {"processor": "filter/kept"}, 90.0),
        (way.INCOMING, {"processor": "transform/kept"}, 50.0),
        (way.SENT, {"exporter": MLFLOW}, 55.0),
        (way.TOO_EARLY, {}, 2.0),
    ]
    assert hop(reading(*changes), "collector accepted").lost == 10
    assert "collector accepted" not in unexplained(reading(*changes))


def test_spans_of_other_programs_are_no_loss() -> None:
    found = hop(reading((way.ACCEPTED, {"receiver": "otlp"}, 120)), "services exported")
    assert not found.unexplained
    assert "20 more" in found.note


def test_what_a_process_sends_at_its_end_is_not_missed() -> None:
    """Its last scrape said 97 exported of 100 ended; the collector has counted all."""
    change = (way.SPANS, {"service": "orchestrator", "result": "exported"}, 97.0)
    found = reading(change)
    ended = Reading([replace(series, process_ended=series.name == way.SPANS) for series in found.series])
    assert unexplained(found) == {"orchestrator ended": 3}
    assert unexplained(ended) == {}


def test_what_moves_while_it_is_read_may_differ_by_as_much() -> None:
    change = (way.ACCEPTED, {"receiver": "otlp"}, 90.0)
    assert "services exported" not in unexplained(reading(change, at_end=10.0))
    assert "services exported" in unexplained(reading(change, at_end=9.0))
