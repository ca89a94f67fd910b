"""Marks the first traces of a release: what is new is looked at first, also where only a share of traces is stored.

The collector's sampler counts per second and not per release, so the process counts: each starts with one release and
ends with it. Restarts and replicas mark more than N together, which stores a few traces too many and loses none.
"""

from itertools import count

from opentelemetry import trace

ATTRIBUTE = "fairlead.trace.first_of_release"


class ReleaseStart:
    """The first `traces` root spans of this process. Safe to use from several threads."""

    def __init__(self, traces: int) -> None:
        self._traces = traces
        self._seen = count()

    def mark(self, root: trace.Span) -> None:
        """Mark the root span of a new trace, unless enough are marked."""
        if next(self._seen) < self._traces:
            root.set_attribute(ATTRIBUTE, True)
