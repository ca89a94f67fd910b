"""What the pool knows of each endpoint right now: until when it is set aside, and why."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from common.metrics import gauge
from llm_proxy.config import Endpoint, Model

ASIDE = gauge("pool_endpoint_set_aside", "1 while an endpoint is not chosen", ["model", "endpoint"])

# After this many failures in a row an endpoint rests, twice as long each time, up to the longest.
FAILURES_TO_OPEN = 3
FIRST_REST_S = 2.0
LONGEST_REST_S = 60.0
# A refused key does not mend itself in a moment, but a rotated one must be tried soon.
KEY_REST_S = 30.0


@dataclass
class State:
    """One endpoint of one model."""

    until: float = 0.0
    reason: str = ""
    failures: int = 0

    def rests(self) -> float:
        """Seconds until it may be tried again; 0 when it may be now."""
        return max(0.0, self.until - time.monotonic())

    def succeeded(self) -> None:
        """An answer came."""
        self.failures, self.until, self.reason = 0, 0.0, ""

    def failed(self) -> None:
        """No answer, or one of the server's own failures."""
        self.failures += 1
        if self.failures >= FAILURES_TO_OPEN:
            rest = min(LONGEST_REST_S, FIRST_REST_S * 2 ** (self.failures - FAILURES_TO_OPEN))
            self.set_aside(rest * random.uniform(0.8, 1.2), "failing")  # noqa: S311 - spreads retries, guards nothing

    def set_aside(self, seconds: float, reason: str) -> None:
        """Do not choose it for `seconds`."""
        self.until = max(self.until, time.monotonic() + seconds)
        self.reason = reason


@dataclass
class Endpoints:
    """The states of all endpoints; they outlive a reload of the configuration as long as the names stay."""

    states: dict[tuple[str, str], State] = field(default_factory=dict[tuple[str, str], State])

    def of(self, model: str, endpoint: Endpoint) -> State:
        """The endpoint's state."""
        return self.states.setdefault((model, endpoint.name), State())

    def in_order(self, name: str, model: Model) -> Iterator[Endpoint]:
        """Endpoints that may be tried now: by priority, within one by a draw that follows the weights."""
        able = [endpoint for endpoint in model.endpoints if not self.of(name, endpoint).rests()]
        # Sorting by u^(1/weight) draws without replacement in proportion to the weights (Efraimidis, Spirakis 2006).
        draw = {e.name: random.random() ** (1 / e.weight) for e in able}  # noqa: S311
        yield from sorted(able, key=lambda endpoint: (endpoint.priority, -draw[endpoint.name]))

    def earliest(self, name: str, model: Model) -> float:
        """Seconds until the first endpoint may be tried again."""
        return min(self.of(name, endpoint).rests() for endpoint in model.endpoints)

    def publish(self, name: str, model: Model) -> None:
        """Put the states into the metrics."""
        for endpoint in model.endpoints:
            ASIDE.labels(name, endpoint.name).set(self.of(name, endpoint).rests() > 0)
