"""Prometheus metrics: one registry per process, names prefixed `fairlead_`."""

from collections.abc import Sequence

from prometheus_client import Counter, Gauge, Histogram

# Steps of an answer take from under a millisecond (guards) to minutes (a long generation).
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


def counter(name: str, help: str, labels: Sequence[str] = ()) -> Counter:
    """A counter `fairlead_<name>`."""
    return Counter(f"fairlead_{name}", help, labels)


def gauge(name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
    """A gauge `fairlead_<name>`."""
    return Gauge(f"fairlead_{name}", help, labels)


def histogram(name: str, help: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS) -> Histogram:
    """A histogram `fairlead_<name>`; the unit belongs into the name."""
    return Histogram(f"fairlead_{name}", help, labels, buckets=tuple(buckets))


BUILD = gauge("build_info", "Always 1; what this process was built from", ["service", "commit", "environment"])
HTTP_REQUESTS = counter("http_requests_total", "Requests answered", ["service", "route", "method", "status"])
HTTP_SECONDS = histogram("http_request_seconds", "Time to the last byte of the answer", ["service", "route"])
SPANS = counter(
    "spans_total", "Spans: ended = exported + failed + dropped + those that still wait", ["service", "result"]
)
SPANS_LOST = counter("spans_lost_total", "Spans that failed or were dropped, by reason", ["service", "reason"])
SPANS_QUEUED = gauge("spans_queued", "Spans that wait to be sent", ["service"])
HTTP_OPEN = gauge("http_requests_open", "Requests being answered now", ["service"])
