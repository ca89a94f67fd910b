"""What this process holds of one limit of one caller: taken from without asking anyone, filled from the ledger."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from llm_proxy.ledger import Draw, Grant

Kind = Literal["requests", "tokens", "concurrency", "spend"]
Period = Literal["minute", "day", "month", "none"]
# Money is counted in billionths: a token of a cheap model costs some hundred of them.
MONEY = 1_000_000_000
# A process asks for its next slice when this part of the last one is left.
LOW = 2
# What the ledger refused may have come back to it after so long.
DRY_S = 0.1


@dataclass(slots=True, eq=False)
class Purse:
    """`idle` units may be used, `out` are held by requests, `spent` were used since the last draw."""

    account: str
    kind: Kind
    per: Period
    limit: int
    slice: int
    period: int = -1
    ends_at: float = -math.inf
    """When the period ends, on the monotonic clock; then nothing of it may be used."""
    idle: int = 0
    out: int = 0
    spent: int = 0
    low: int = 0
    tight: bool = False
    """The limit is nearly used up: what is not needed now goes back at once."""
    rested: bool = False
    """Whether nothing was taken since the last look."""
    elsewhere: int = -1
    """What was left of the limit outside this process at the last draw of the period; below 0: there was none."""
    drawn_at: float = -math.inf
    dry_until: float = 0.0
    """Until then the ledger need not be asked for `dry_need` units or more; 0: it may be."""
    dry_need: int = 0

    def begin(self, now: float, wall: float) -> None:
        """Turn to the period that it is now, if it is another."""
        if now < self.ends_at:
            return
        start, end = bounds(self.per, wall)
        if start != self.period:
            self.turn(start)
        self.ends_at = now + (end - wall)

    def turn(self, period: int) -> None:
        """Begin a period with nothing. What is out belongs to the old one, which counted it."""
        self.period = period
        self.idle = self.out = self.spent = 0
        self.elsewhere = -1
        self.tight = False
        self.dry_until = 0.0

    def draw(self, least: int, together: int = 1, *, keep: bool) -> Draw:
        """What to tell and to ask of the ledger, for so many requests that wait together.

        Without `keep` all that is idle is given back first.
        """
        if not keep:
            self.idle = 0
        spent, self.spent = self.spent, 0
        return Draw(
            self.account,
            self.period,
            self.limit,
            held=self.idle + self.out,
            spent=spent,
            want=max(self.slice, least * together),
            least=least,
            alone=self.kind in ("spend", "tokens"),
        )

    def granted(self, grant: Grant) -> None:
        """Take what the ledger handed out."""
        if grant.period != self.period:
            self.turn(grant.period)
        self.idle += grant.units
        # Overspent, less than nothing is left.
        self.elsewhere = max(0, grant.left + grant.others)
        self.tight = grant.left < self.slice
        self.low = 0 if self.tight else max(1, self.slice // LOW)

    @property
    def used(self) -> int:
        """Units of the limit that all processes have used in the period, as far as this one has been told."""
        return 0 if self.elsewhere < 0 else max(0, self.limit - self.elsewhere - self.idle - self.out)

    def dry(self, now: float, need: int, *, for_good: bool) -> None:
        """The ledger had not as much as this: nothing will come in this period, or nothing for a moment."""
        self.dry_need = need
        self.dry_until = self.ends_at if for_good and self.ends_at != math.inf else now + DRY_S

    def lost(self, draw: Draw) -> None:
        """The draw did not reach the ledger: what it told must be told again."""
        if draw.period == self.period:
            self.spent += draw.spent


def bounds(per: Period, wall: float) -> tuple[int, float]:
    """Where the period that holds this moment begins and ends, in seconds of wall time."""
    if per == "none":
        return 0, math.inf
    if per == "minute":
        start = int(wall) // 60 * 60
        return start, start + 60.0
    day = datetime.fromtimestamp(wall, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "day":
        start = int(day.timestamp())
        return start, start + 86_400.0
    first = day.replace(day=1)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return int(first.timestamp()), after.timestamp()
