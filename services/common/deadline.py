"""One deadline per request that travels through every hop as the milliseconds that remain."""

import asyncio
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from common.errors import ApiError, invalid

HEADER = "x-request-deadline-ms"
# An upper bound on what a caller may ask for: longer than any stream the platform promises to keep open.
LONGEST_S = 3600.0


@dataclass(frozen=True)
class Deadline:
    """A point on the monotonic clock by which the answer must have ended."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """The deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    @classmethod
    def from_headers(cls, headers: Mapping[str, str], default_s: float) -> "Deadline":
        """The caller's deadline, or `default_s` from now; raises ApiError 400 when the header is not a number."""
        given = headers.get(HEADER)
        if given is None:
            return cls.after(default_s)
        try:
            milliseconds = int(given)
        except ValueError:
            raise invalid(
                f"Header {HEADER} must be a whole number of milliseconds, not {given[:40]!r}", HEADER
            ) from None
        if milliseconds <= 0:
            raise timed_out()
        return cls.after(min(milliseconds / 1000, LONGEST_S))

    def remaining(self) -> float:
        """Seconds left; never below zero."""
        return max(0.0, self.at - time.monotonic())

    def sooner(self, seconds: float) -> "Deadline":
        """This deadline, or `seconds` from now when that is sooner: for a step that an answer can do without."""
        return Deadline(min(self.at, time.monotonic() + seconds))

    def header(self) -> dict[str, str]:
        """The header for the next hop."""
        return {HEADER: str(max(1, int(self.remaining() * 1000)))}

    def timeout(self) -> asyncio.Timeout:
        """`async with deadline.timeout():` raises TimeoutError when the time is up."""
        return asyncio.timeout(self.remaining())


current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def timed_out() -> ApiError:
    """504: the request's deadline has passed."""
    return ApiError(504, "The request's deadline passed before the answer was complete.", code="deadline_exceeded")
