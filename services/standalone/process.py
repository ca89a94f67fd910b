"""One child process of the platform: its own process group, its own log, a probe for readiness, an orderly stop."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from standalone import logs
from standalone.errors import ChildEnded

POLL_S = 0.05
# A disk with less than this is full for whoever writes more than a line.
FULL_BYTES = 256 * 1024


@dataclass(frozen=True)
class Command:
    """How to run one part of the platform.

    `layer` orders the stop: higher layers use lower ones and end before them. `stop_signal` asks it to end in order,
    `hurry_signal` at once.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    layer: int = 1
    stop_signal: signal.Signals = signal.SIGTERM
    hurry_signal: signal.Signals = signal.SIGKILL
    stop_timeout_s: float = 10.0


class Child:
    """A running `Command`."""

    def __init__(self, command: Command, process: asyncio.subprocess.Process, log: Path) -> None:
        self.command = command
        self.log = log
        self.started = time.monotonic()
        self.stopping = False
        self._process = process

    @classmethod
    async def start(cls, command: Command, *, log: Path, folder: Path) -> "Child":
        """Start the command in a session of its own: a Ctrl-C at the terminal reaches the supervisor alone."""
        with logs.open_log(log) as stream:
            process = await asyncio.create_subprocess_exec(
                *command.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd=folder,
                env=command.environment,
                start_new_session=True,
            )
        return cls(command, process, log)

    @property
    def pid(self) -> int:
        """The process, which also leads its group."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def ended(self) -> int:
        """Its exit code, once it has ended."""
        return await self._process.wait()

    async def ready(self, probe: Callable[[], Awaitable[bool]], timeout_s: float) -> float:
        """Wait until the probe says yes; the seconds since the start. ChildEnded when it ends or stays unready."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.running:
                    if await probe():
                        return time.monotonic() - self.started
                    await asyncio.sleep(POLL_S)
        if self.running:
            raise ChildEnded(self.report(f"was not ready after {timeout_s:.0f} s"))
        raise self.end_report()

    async def stop(self, hurry: asyncio.Event) -> None:
        """End it in order; when that takes too long, or somebody is in a hurry, at once. Nothing of its group stays."""
        self.stopping = True
        self._signal(self.command.stop_signal)
        if not await self._ends_within(self.command.stop_timeout_s, hurry):
            self._signal(self.command.hurry_signal)
            if not await self._ends_within(self.command.stop_timeout_s, asyncio.Event()):
                self._signal(signal.SIGKILL)
                await self.ended()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def end_report(self) -> ChildEnded:
        """What to say about its end."""
        code = self._process.returncode
        how = f"ended by itself (exit code {code})"
        if code is not None and code < 0:
            how = f"was ended by signal {signal.Signals(-code).name}"
        return ChildEnded(self.report(how))

    def report(self, what: str) -> str:
        """A sentence about it, the reason if one is plain, and the last lines of its log."""
        lines = logs.last_lines(self.log)
        reason = ""
        if self._disk_full(lines):
            reason = ": the disk is full"
        elif any("address already in use" in line.lower() for line in lines):
            reason = ": another program took its port meanwhile (a second Fairlead?)"
        shown = "".join(f"\n    {line}" for line in lines) or " nothing"
        return f"{self.command.name} {what}{reason}. The last lines of {self.log}:{shown}"

    def _disk_full(self, lines: Sequence[str]) -> bool:
        """Said by its last words, or shown by the disk itself: a log that has no room says nothing."""
        with suppress(OSError):
            if shutil.disk_usage(self.log.parent).free < FULL_BYTES:
                return True
        return any("No space left on device" in line for line in lines)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self.running:
                self._process.send_signal(number)

    async def _ends_within(self, timeout_s: float, hurry: asyncio.Event) -> bool:
        ended, hurried = asyncio.ensure_future(self.ended()), asyncio.ensure_future(hurry.wait())
        await asyncio.wait((ended, hurried), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (ended, hurried):
            waiting.cancel()
        return not self.running
