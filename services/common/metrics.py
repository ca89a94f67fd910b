"""Prometheus metrics: one registry per process, names prefixed `fairlead_`, and a list of what they mean."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# When a series began is of no use to rates, and would add a third to the number of series.
disable_created_metrics()

OTHER = "other"
"""What a label says where the configuration does not name the value."""

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


def powers(first: int, last: int, base: int = 2) -> tuple[float, ...]:
    """`base` to the powers `first` … `last`.

    Powers of two are bounds of the buckets of native histograms of every resolution, so quantiles, and shares below a
    target, stay what they were when classic histograms give way to native ones.
    """
    return tuple(float(base) ** power for power in range(first, last + 1))


# Steps of an answer take from under a millisecond (guards) to minutes (a long generation).
SECONDS = powers(-10, 8)


@dataclass(frozen=True)
class Definition:
    """A metric as `docs/metrics.md` lists it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    meaning: str


DEFINED: dict[str, Definition] = {}
"""Every metric of the modules that are imported, by name."""


def counter(
    name: str, help: str, labels: Sequence[str] = (), *, at_zero: Iterable[str | tuple[str, ...]] = ()
) -> Counter:
    """A counter `fairlead_<name>`.

    `at_zero`: labels that are there from the start. Prometheus sees no increase in a series that begins with 1, so the
    first failure after a start would show in no graph and raise no alert.
    """
    _define(Definition(f"fairlead_{name}", "counter", tuple(labels), help))
    made = Counter(f"fairlead_{name}", help, labels)
    for values in at_zero:
        made.labels(*((values,) if isinstance(values, str) else values))
    return made


def gauge(name: str, help: str, labels: Sequence[str] = (), *, sum: bool = False) -> Gauge:
    """A gauge `fairlead_<name>`; of several processes that share a port the highest counts, or the `sum` of them."""
    _define(Definition(f"fairlead_{name}", "gauge", tuple(labels), help))
    return Gauge(f"fairlead_{name}", help, labels, multiprocess_mode="livesum" if sum else "livemax")


def histogram(name: str, help: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS) -> Histogram:
    """A histogram `fairlead_<name>`; the unit belongs into the name."""
    _define(Definition(f"fairlead_{name}", "histogram", tuple(labels), help))
    return Histogram(f"fairlead_{name}", help, labels, buckets=tuple(buckets))


def known(value: str, configured: Container[str]) -> str:
    """The value as a label: itself where the configuration names it, else `other`, as callers can make up values."""
    return value if value in configured else OTHER


def _define(definition: Definition) -> None:
    DEFINED[definition.name] = definition


BUILD = gauge("build_info", "Always 1; what this process was built from", ["service", "commit", "environment"])
HTTP_REQUESTS = counter("http_requests_total", "Requests answered", ["service", "route", "method", "status"])
HTTP_SECONDS = histogram("http_request_seconds", "Time to the last byte of the answer", ["service", "route"])
SPANS = counter(
    "spans_total", "Spans: ended = exported + failed + dropped + those that still wait", ["service", "result"]
)
SPANS_LOST = counter("spans_lost_total", "Spans that failed or were dropped, by reason", ["service", "reason"])
SPANS_QUEUED = gauge("spans_queued", "Spans that wait to be sent", ["service"])
HTTP_OPEN = gauge("http_requests_open", "Requests being answered now", ["service"])
LOOP_LAG = histogram(
    "event_loop_lag_seconds",
    "How late the event loop comes to work that is due; what holds it up holds up every request",
    ["service"],
    buckets=powers(-12, 4),
)
