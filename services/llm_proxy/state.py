"""What the pool knows of one endpoint right now; it outlives a reload as long as the endpoint's name and URL stay."""

import math
import time
from collections.abc import Callable, Mapping

from common.metrics import gauge
from llm_proxy.breaker import CLOSED, NAMES, Breaker
from llm_proxy.config import Limits
from llm_proxy.keys import Key
from llm_proxy.limits import Learned, Window, amount, duration, requests_window, tokens_window

BREAKER = gauge("pool_breaker_state", "0 closed, 1 open, 2 half-open with a probe out", ["model", "endpoint"])
KEY_OUT = gauge("pool_key_out", "1 while an endpoint's key is refused or missing", ["model", "endpoint"])

# The last answers' time to first byte: a new one counts for a fifth; unheard of for a minute, an endpoint is as
# good as a new one, else one slow answer would shut it out for ever.
LATENCY_GAIN = 0.2
LATENCY_FADES_S = 60.0
# Asked to be left alone without saying how long: one second, twice as long each time it says so again.
FIRST_ASIDE_S = 1.0
LONGEST_ASIDE_S = 60.0
# What endpoints say is left matters when it is this little: so many requests, or so many typical requests' tokens.
FEW_REQUESTS = 20
FEW_TOKENS = 100_000
UNLIMITED = 1 << 60
FULL = 2.0


class State:
    """Counters and verdicts. Units of time: the clock's seconds."""

    __slots__ = (
        "_breaker_gauge",
        "_clock",
        "_key_gauge",
        "_limits",
        "aside_until",
        "asides",
        "breaker",
        "concurrency",
        "in_flight",
        "key",
        "latency_at",
        "latency_s",
        "learned_requests",
        "learned_tokens",
        "plain",
        "requests",
        "tokens",
        "trouble",
    )

    def __init__(self, model: str, name: str, key: Key, clock: Callable[[], float] = time.monotonic) -> None:
        self.key = key
        self.breaker = Breaker()
        self.in_flight = 0
        self.concurrency = UNLIMITED
        self.tokens: Window | None = None
        self.requests: Window | None = None
        self.learned_tokens: Learned | None = None
        self.learned_requests: Learned | None = None
        self.aside_until = 0.0
        self.asides = 0
        self.latency_s = 0.0
        self.latency_at = 0.0
        self.plain = True
        """No limits and no trouble: it may be taken without a second look. The hot path's first question."""
        self.trouble = False
        self._clock = clock
        self._limits: tuple[Limits, int] | None = None
        self._breaker_gauge = BREAKER.labels(model, name)
        self._key_gauge = KEY_OUT.labels(model, name)
        self.look()

    def limit(self, limits: Limits, share: int) -> None:
        """Set its limits, split by `share` copies. What was counted in the last minute stays counted."""
        if (limits, share) == self._limits:
            return
        self._limits = (limits, share)
        self.concurrency = max(1, limits.concurrency // share) if limits.concurrency else UNLIMITED
        tpm, rpm = limits.tokens_per_minute, limits.requests_per_minute
        tokens = tokens_window(tpm, share) if tpm else None
        requests = requests_window(rpm, limits.requests_window_s, share) if rpm else None
        self.tokens = _carried(self.tokens, tokens, self._clock())
        self.requests = _carried(self.requests, requests, self._clock())
        self.look()

    def look(self) -> None:
        """Work out whether a second look is needed, and show the state in the metrics."""
        self.trouble = bool(
            self.breaker.state != CLOSED
            or self.aside_until
            or self.learned_requests is not None
            or self.learned_tokens is not None
            or not self.key.usable
        )
        limited = self.tokens is not None or self.requests is not None or self.concurrency != UNLIMITED
        self.plain = not self.trouble and not limited
        self._breaker_gauge.set(self.breaker.state)
        self._key_gauge.set(not self.key.usable)

    def fullness(self, now: float, units: int, share: float) -> float:
        """How full the fullest of its limits is, 0 to 1; FULL when a call of `units` tokens may not begin now."""
        if self.trouble and self.free_at(now, units, share) > now:
            return FULL
        fullest = self.in_flight / self.concurrency
        if fullest >= share:
            return FULL
        window = self.requests
        if window is not None:
            room = window.room(now)
            full = 1 - room / window.limit
            if room < 1 or full >= share:
                return FULL
            if full > fullest:
                fullest = full
        window = self.tokens
        if window is not None:
            room = window.room(now)
            full = 1 - room / window.limit
            # A call over the whole limit waits for an empty window, rather than for ever.
            if (room < units and room < window.limit) or full >= share < 1:
                return FULL
            if full > fullest:
                fullest = full
        return fullest

    def free_at(self, now: float, units: int, share: float) -> float:
        """When a call of `units` tokens may begin: `now` when it may now; infinity when no time is known.

        `share` is the part of the limits that the call's lane may fill.
        """
        at = max(now, self.aside_until)
        if not self.key.usable:
            at = max(at, self.key.probe_at or math.inf)
        broken = self.breaker.free_at()
        if broken is None or self.in_flight / self.concurrency >= share:
            return math.inf
        at = max(at, broken)
        if self.requests is not None:
            at = max(at, self.requests.free_at(now, _with_headroom(self.requests, 1, share)))
        if self.tokens is not None:
            at = max(at, self.tokens.free_at(now, _with_headroom(self.tokens, units, share)))
        if self.learned_requests is not None:
            at = max(at, self.learned_requests.free_at(now, 1))
        if self.learned_tokens is not None:
            at = max(at, self.learned_tokens.free_at(now, units))
        return at

    def reason(self, now: float, units: int, share: float) -> str:
        """Why it may not be taken now, in a word; empty when it may."""
        if not self.key.usable and (self.key.probe_at or math.inf) > now:
            return self.key.reason
        if self.breaker.free_at() is None or (self.breaker.free_at() or 0) > now:
            return f"breaker {NAMES[self.breaker.state]}"
        if self.aside_until > now:
            return "limited by the endpoint"
        if self.in_flight / self.concurrency >= share:
            return "concurrency limit"
        if self.requests is not None and self.requests.free_at(now, _with_headroom(self.requests, 1, share)) > now:
            return "requests per minute"
        if self.tokens is not None and self.tokens.free_at(now, _with_headroom(self.tokens, units, share)) > now:
            return "tokens per minute"
        return "" if self.free_at(now, units, share) <= now else "little left by the endpoint's own headers"

    def use(self, now: float) -> float:
        """How full the fullest of its limits is, 0 to 1."""
        fullest = self.in_flight / self.concurrency
        for window in (self.requests, self.tokens):
            if window is not None:
                fullest = max(fullest, 1 - window.room(now) / window.limit)
        return min(1.0, fullest)

    def take(self, now: float, units: int) -> bool:
        """A call begins; whether it is the breaker's probe."""
        self.in_flight += 1
        if self.plain:
            return False
        window = self.tokens
        if window is not None:
            window.add(now, units if units < window.limit else window.limit)
        if self.requests is not None:
            self.requests.add(now, 1)
        if not self.trouble:
            return False
        if self.learned_requests is not None:
            self.learned_requests.left -= 1
        if self.learned_tokens is not None:
            self.learned_tokens.left -= units
        if not self.key.usable:
            self.key.probed(now)
        if self.breaker.state != CLOSED:
            probe = self.breaker.begin(now)
            self.look()
            return probe
        return False

    def answered(self, now: float, first_byte_s: float) -> None:
        """An answer came after so long."""
        if now - self.latency_at >= LATENCY_FADES_S:
            self.latency_s = first_byte_s
        else:
            self.latency_s += LATENCY_GAIN * (first_byte_s - self.latency_s)
        self.latency_at = now
        if self.trouble:
            if self.aside_until <= now:
                self.aside_until, self.asides = 0.0, 0
            if not self.key.usable:
                self.key.accepted()
            self.look()

    def limited(self, now: float, retry_after_s: float | None) -> None:
        """It said 429: leave it alone for as long as it asks."""
        # "0" says no more than silence, and believed it would be a storm.
        rest = retry_after_s or min(LONGEST_ASIDE_S, FIRST_ASIDE_S * 2 ** min(self.asides, 30))
        self.asides += 1
        self.aside(now + rest)

    def aside(self, until: float) -> None:
        """Leave it alone until then."""
        self.aside_until = max(self.aside_until, until)
        self.look()

    def learn(self, headers: Mapping[str, str], now: float) -> None:
        """Take what `x-ratelimit-*` say; cheap while much is left."""
        requests = headers.get("x-ratelimit-remaining-requests")
        tokens = headers.get("x-ratelimit-remaining-tokens")
        if requests is None and tokens is None:
            return
        before = self.learned_requests, self.learned_tokens
        self.learned_requests = _learned(headers, "requests", amount(requests), FEW_REQUESTS, now)
        self.learned_tokens = _learned(headers, "tokens", amount(tokens), FEW_TOKENS, now)
        if before != (self.learned_requests, self.learned_tokens):
            self.look()


def _learned(headers: Mapping[str, str], what: str, left: float | None, few: int, now: float) -> Learned | None:
    if left is None or left >= few:
        return None
    reset = headers.get(f"x-ratelimit-reset-{what}")
    reset_s = duration(reset) if reset else None
    if not reset_s:
        return None
    return Learned(left, amount(headers.get(f"x-ratelimit-limit-{what}")), now, reset_s)


def _with_headroom(window: Window, units: int, share: float) -> int:
    """Units that must fit so that the lane, which may fill `share` of the window, gets its own.

    A lane is let in while less than its share is used; so one request always fits into an empty window.
    """
    if share >= 1:
        return units
    return max(units, window.limit - math.ceil(window.limit * share) + 1)


def _carried(old: Window | None, new: Window | None, now: float) -> Window | None:
    """The new window, with what the old one had counted standing as if it had been sent just now."""
    if old is None or new is None:
        return new
    if old.span_s == new.span_s:
        old.room(now)
        old.limit = new.limit
        return old
    used = old.limit - old.room(now)
    if used > 0:
        new.add(now, min(used, new.limit))
    return new
