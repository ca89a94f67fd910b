"""What all processes together have used of a caller's limits, handed out to each of them in slices.

A slice is counted against the limit when it is handed out, so that no number of processes can use more than there is.
What a process did not use it gives back.
"""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

# A process that was silent for so long has died. What it held of a budget counts as spent, as nobody can know;
# places of concurrency are free again.
DEAD_AFTER_S = 60.0
# Near its end a limit is handed out in smaller slices, so that no process sits on what another could use.
SHARE_OF_ROOM = 4


class LedgerError(Exception):
    """The ledger cannot be reached or read."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What one process says and asks. `period` 0: places that come back, else the wall time at which it began."""

    account: str
    period: int
    limit: int
    held: int
    """Units that this process holds, those given back left out."""
    spent: int = 0
    """Units used up since its last draw."""
    want: int = 0
    """A slice."""
    least: int = 0
    """Fewer are of no use; 0: nothing is asked for."""
    alone: bool = False
    """Whether all that is left may be handed out, though it is less, if nobody holds anything."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer: `units` for this process; what is left for others; `held` by others; the period it is for."""

    units: int
    left: int
    others: int
    period: int
    alone: bool = False


@dataclass(slots=True)
class Account:
    """One limit of one caller: what is used up, and who holds how much since when (wall time)."""

    period: int = 0
    spent: int = 0
    held: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])

    def draw(self, owner: str, draw: Draw, now: float, part: int = SHARE_OF_ROOM) -> Grant:
        """Enter what the owner says, and hand out what fits: no more than one `part` of what is left, if that does."""
        held, spent = draw.held, draw.spent
        if draw.period > self.period:
            self.period, self.spent = draw.period, 0
            self.held.clear()
        elif draw.period < self.period:
            # A clock that is behind, or a settlement that came late: it belongs to a period that is over.
            held = spent = 0
        self.spent += spent
        self._bury(now)
        self.held.pop(owner, None)
        others = sum(units for units, _ in self.held.values())
        room = self.limit_left(draw.limit) - others - held
        units, alone = 0, False
        if draw.least and room >= draw.least:
            units = min(room, max(draw.least, min(draw.want, room // part)))
        elif draw.least and draw.alone and room > 0 and not others and not held:
            units, alone = room, True
        if held + units:
            self.held[owner] = (held + units, now)
        return Grant(units, room - units, others, self.period, alone)

    def limit_left(self, limit: int) -> int:
        """What is not used up of the limit; below zero when the last request cost more than was left."""
        return limit - self.spent

    def _bury(self, now: float) -> None:
        for owner, (units, seen) in list(self.held.items()):
            if now - seen > DEAD_AFTER_S:
                del self.held[owner]
                if self.period:
                    self.spent += units

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return {"period": self.period, "spent": self.spent, "held": self.held}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Account":
        """From what is stored; raises ValueError."""
        try:
            held = {str(owner): (int(units), float(seen)) for owner, (units, seen) in stored["held"].items()}
            return cls(int(stored["period"]), int(stored["spent"]), held)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not an account") from error


class Ledger(Protocol):
    """Where accounts are kept."""

    slices: int
    """In how many slices a whole limit is handed out."""

    async def draw(self, draw: Draw) -> Grant:
        """Enter and hand out; raises LedgerError."""
        ...


class MemoryLedger:
    """For one process alone."""

    slices = 1

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._accounts: dict[str, Account] = {}

    async def draw(self, draw: Draw) -> Grant:
        """See Ledger."""
        return self._accounts.setdefault(draw.account, Account()).draw("", draw, self._wall(), part=1)


class FileLedger:
    """For the processes of one machine: a small file for each account, under a lock that is held for microseconds."""

    slices = 50

    def __init__(self, folder: Path, owner: str, wall: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._owner = owner
        self._wall = wall

    async def draw(self, draw: Draw) -> Grant:
        """See Ledger. It blocks for about 50 µs, less than handing it to a thread would take."""
        name = hashlib.sha256(draw.account.encode()).hexdigest()[:32]
        try:
            descriptor = os.open(self._folder / f"{name}.json", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerError(f"the ledger's folder cannot be used: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            text = os.pread(descriptor, size, 0)
            account = Account.from_json(json.loads(text)) if text.strip() else Account()
            grant = account.draw(self._owner, draw, self._wall())
            # Padded rather than cut: one write replaces the whole, and a process that dies leaves the old or the new.
            os.pwrite(descriptor, json.dumps(account.to_json()).encode().ljust(size), 0)
        except ValueError as error:
            raise LedgerError(f"an account of the ledger is damaged: {error}") from None
        except OSError as error:
            raise LedgerError(f"the ledger's folder cannot be used: {error.strerror}") from None
        finally:
            os.close(descriptor)
        return grant
