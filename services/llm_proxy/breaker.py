"""The circuit breaker of one endpoint: closed, open (it rests), half-open (one probe is out)."""

import random

from llm_proxy.config import Breaker as Settings

CLOSED, OPEN, HALF_OPEN = 0, 1, 2
NAMES = ("closed", "open", "half_open")
# A rest ends for several copies of the pool at about the same time; they should not all probe at once.
JITTER = 0.2


class Breaker:
    """Counts failures in a row. Times are points on the caller's clock, in seconds."""

    __slots__ = ("_random", "failures", "rests", "state", "until")

    def __init__(self, rng: random.Random | None = None) -> None:
        self.state = CLOSED
        self.failures = 0
        self.until = 0.0
        self.rests = 0
        self._random = rng or random.Random()  # noqa: S311 - spreads probes, guards nothing

    def free_at(self) -> float | None:
        """When a call may begin: 0 at any time, None while the probe is out."""
        if self.state == CLOSED:
            return 0.0
        return self.until if self.state == OPEN else None

    def begin(self, now: float) -> bool:
        """A call begins (allowed by `free_at`); whether it is the probe."""
        if self.state == OPEN and now >= self.until:
            self.state = HALF_OPEN
            return True
        return False

    def succeeded(self, probe: bool) -> None:
        """An answer came. While open, answers to calls from before the rest prove nothing."""
        if probe or self.state == CLOSED:
            self.state, self.failures, self.rests = CLOSED, 0, 0

    def failed(self, probe: bool, now: float, settings: Settings) -> None:
        """A failure that counts."""
        if probe:
            self._open(now, settings)
        elif self.state == CLOSED:
            self.failures += 1
            if self.failures >= settings.failures:
                self._open(now, settings)

    def abandoned(self, now: float) -> None:
        """The probe ended without a verdict (its caller left): another may take its place."""
        if self.state == HALF_OPEN:
            self.state, self.until = OPEN, now

    def _open(self, now: float, settings: Settings) -> None:
        # The exponent is bounded so that a very long outage cannot overflow.
        rest = min(settings.longest_rest_s, settings.rest_s * 2 ** min(self.rests, 30))
        self.state = OPEN
        self.rests += 1
        self.failures = 0
        self.until = now + rest * self._random.uniform(1 - JITTER, 1 + JITTER)
