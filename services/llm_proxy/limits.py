"""Limits of an endpoint: what it is declared to allow, and what its answers' headers say that it has left."""

import email.utils
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

# A window is kept in so many pieces, and one more: at worst it takes 1/50 longer than it must, and never admits more.
PIECES = 50
# Waits longer than this are not believed: a broken clock must not set an endpoint aside for a day.
LONGEST_WAIT_S = 600.0
# Azure and OpenAI judge requests per minute over shorter windows; tokens over the whole minute.
MINUTE_S = 60.0


class Window:
    """At most `limit` units in any `span_s` seconds, whichever way the arrivals fall.

    Sums over a ring of pieces of the window; the piece that is only partly past still counts whole.
    """

    __slots__ = ("_counts", "_head", "_piece_s", "limit", "span_s", "used")

    def __init__(self, limit: int, span_s: float) -> None:
        self.limit = limit
        self.span_s = span_s
        self.used = 0
        self._piece_s = span_s / PIECES
        self._counts = [0] * (PIECES + 1)
        self._head = 0

    def room(self, now: float) -> int:
        """Units that fit now."""
        head = int(now / self._piece_s)
        if head != self._head:
            self._advance(head)
        return self.limit - self.used

    def add(self, now: float, units: int) -> None:
        """Count what is sent now."""
        head = int(now / self._piece_s)
        if head != self._head:
            self._advance(head)
        self._counts[head % (PIECES + 1)] += units
        self.used += units

    def free_at(self, now: float, units: int) -> float:
        """When `units` fit, if nothing else is sent until then; units over the limit wait for an empty window."""
        missing = min(units, self.limit) - self.room(now)
        if missing <= 0:
            return now
        for head in range(self._head - PIECES, self._head + 1):
            missing -= self._counts[head % (PIECES + 1)]
            if missing <= 0:
                return (head + PIECES + 1) * self._piece_s
        return now + self.span_s

    def _advance(self, head: int) -> None:
        passed = head - self._head
        if passed < 0:
            return
        if passed > PIECES:
            self._counts = [0] * (PIECES + 1)
            self.used = 0
        else:
            for piece in range(self._head + 1, head + 1):
                place = piece % (PIECES + 1)
                self.used -= self._counts[place]
                self._counts[place] = 0
        self._head = head


def tokens_window(per_minute: int, share: int) -> Window:
    """Tokens per minute of one of `share` copies of the pool."""
    return Window(max(1, per_minute // share), MINUTE_S)


def requests_window(per_minute: int, judged_s: float, share: int) -> Window:
    """Requests per minute of one of `share` copies, spread as the endpoint judges them.

    60 a minute judged over 10 s are 10 in any 10 s. Less than one in such a window is one in a longer one.
    """
    allowed = per_minute * judged_s / (MINUTE_S * share)
    if allowed >= 1:
        return Window(int(allowed), judged_s)
    return Window(1, judged_s / allowed)


class Learned:
    """What an endpoint said that is left of one of its limits, and what time has given back since."""

    __slots__ = ("at", "left", "limit", "until")

    def __init__(self, left: float, limit: float | None, at: float, reset_s: float) -> None:
        self.left = left
        self.limit = limit
        self.at = at
        self.until = at + reset_s

    def left_at(self, now: float) -> float:
        """Units left: they come back evenly where the limit is known (a token bucket), else all at the end."""
        if now >= self.until:
            return math.inf
        if self.limit is None or self.limit <= self.left:
            return self.left
        return self.left + (self.limit - self.left) * (now - self.at) / (self.until - self.at)

    def free_at(self, now: float, units: float) -> float:
        """When `units` are left."""
        missing = units - self.left_at(now)
        if missing <= 0:
            return now
        if self.limit is None or self.limit <= self.left:
            return self.until
        return min(self.until, now + missing * (self.until - self.at) / (self.limit - self.left))


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhd]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")


def duration(text: str) -> float | None:
    """Seconds in `6m0s`, `1s`, `20ms`, `1.5` (seconds); None for what is unknown, negative or nonsense."""
    text = text.strip().lower()
    if _DURATION.fullmatch(text):
        return min(LONGEST_WAIT_S, sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)))
    seconds = _number(text)
    return None if seconds is None else min(LONGEST_WAIT_S, seconds)


def amount(text: str | None) -> float | None:
    """A count in a header; negative means unknown (Azure sends -1), and so does nonsense."""
    return None if text is None else _number(text)


def retry_after(headers: Mapping[str, str], wall: Callable[[], float] | None = None) -> float | None:
    """Seconds that an endpoint asks to be left alone: milliseconds, seconds, duration or date; None when silent."""
    milliseconds = amount(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return min(LONGEST_WAIT_S, milliseconds / 1000)
    given = headers.get("retry-after")
    if given is None:
        return None
    seconds = duration(given)
    if seconds is not None:
        return seconds
    try:
        date = email.utils.parsedate_to_datetime(given)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        now = datetime.now(UTC).timestamp() if wall is None else wall()
        return min(LONGEST_WAIT_S, max(0.0, date.timestamp() - now))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None
