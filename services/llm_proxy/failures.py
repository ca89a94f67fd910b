"""What each failure of an endpoint means: for the request (try where?), and for the endpoint (rest? key out?)."""

import enum
from dataclasses import dataclass


class Failure(enum.Enum):
    """How a call failed, before the first byte of content reached the caller."""

    NETWORK = "network"
    SERVER_ERROR = "server_error"
    MALFORMED = "malformed"
    EMPTY = "empty"
    """A whole answer that stops without a word: legitimate, if rare, so the endpoint is not blamed for it."""
    LIMITED = "limited"
    TIMEOUT = "timeout"
    KEY_REFUSED = "key_refused"
    KEY_MISSING = "key_missing"
    CONTEXT_LENGTH = "context_length"
    REJECTED = "rejected"


class Next(enum.Enum):
    """What the request does now."""

    STOP = "stop"
    """Give the caller this failure."""
    RETRY = "retry"
    """Call `reserve` again with the same `Tried`: it leaves out the endpoints that must not be tried again."""
    LARGER = "larger"
    """The same; `Tried` now stands at the larger model."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`retries`: how often a request may try again after it; `counts`: whether the breaker counts it."""

    retries: int
    counts: bool


MANY = 1_000_000
# The classes of the design: network and 5xx once on another endpoint; 429 and timeout on another at once; a refused
# key takes only itself out; the request's own faults are never sent twice.
RULES = {
    Failure.NETWORK: Rule(1, counts=True),
    Failure.SERVER_ERROR: Rule(1, counts=True),
    Failure.MALFORMED: Rule(1, counts=True),
    Failure.EMPTY: Rule(1, counts=False),
    Failure.LIMITED: Rule(MANY, counts=False),
    Failure.TIMEOUT: Rule(MANY, counts=True),
    Failure.KEY_REFUSED: Rule(MANY, counts=False),
    Failure.KEY_MISSING: Rule(MANY, counts=False),
    Failure.CONTEXT_LENGTH: Rule(0, counts=False),
    Failure.REJECTED: Rule(0, counts=False),
}


def of_status(status: int) -> Failure | None:
    """The failure that an HTTP status means; None for an answer that the caller should see."""
    if status < 400:
        return None
    if status == 429:
        return Failure.LIMITED
    if status in (401, 403):
        return Failure.KEY_REFUSED
    if status == 408:
        return Failure.TIMEOUT
    return Failure.SERVER_ERROR if status >= 500 else Failure.REJECTED


# Answers of a model that must not be tried twice, but fit a model with a larger context.
_TOO_LONG = (b"context_length_exceeded", b"maximum context length", b"context window", b"string_above_max_length")


def is_context_length(body: bytes) -> bool:
    """Whether the body of a 400 or 413 says that the prompt does not fit the model's context."""
    start = body[:4096].lower()
    return any(sign in start for sign in _TOO_LONG)


class RetryBudget:
    """Retries as a share of requests, so that a storm of 429s is not answered by a storm of calls.

    Over the last 10 to 20 seconds there are at most `reserve` + `share` × requests of them. Nothing is saved up from
    quiet hours (after Finagle's RetryBudget, whose deposits expire too).
    """

    __slots__ = ("_before", "_requests", "_retries", "_turn", "reserve", "share")
    SPAN_S = 10.0

    def __init__(self, share: float, reserve: int, now: float) -> None:
        self.share = share
        self.reserve = reserve
        self._requests = 0
        self._retries = 0
        self._before = (0, 0)
        self._turn = now + self.SPAN_S

    def earn(self, now: float) -> None:
        """A request began."""
        if now >= self._turn:
            self._rotate(now)
        self._requests += 1

    def left(self, now: float) -> float:
        """Retries that are allowed now."""
        if now >= self._turn:
            self._rotate(now)
        requests, retries = self._before
        return self.reserve + self.share * (self._requests + requests) - self._retries - retries

    def scarce(self, now: float) -> bool:
        """Whether endpoints that just failed should be tried last: the share is used up, the reserve is for surprises.

        One retry in a while is never scarce, or a pool with little traffic would not find out who is back.
        """
        if now >= self._turn:
            self._rotate(now)
        requests, retries = self._before
        return self._retries + retries >= max(1.0, self.share * (self._requests + requests))

    def spend(self, now: float) -> bool:
        """Whether one more retry is allowed; it is then counted."""
        if self.left(now) < 1:
            return False
        self._retries += 1
        return True

    def _rotate(self, now: float) -> None:
        late = now - self._turn >= self.SPAN_S
        self._before = (0, 0) if late else (self._requests, self._retries)
        self._requests = self._retries = 0
        self._turn = now + self.SPAN_S
