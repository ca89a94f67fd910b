"""What the person who started the platform sees: a line per part as it becomes ready, then where to go."""

import sys
import time
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.status import Status
from rich.text import Text

NAME_WIDTH = 13
# On a pipe, a line this often says that something still happens.
PLAIN_EVERY_S = 5.0


class Display:
    """Lines on a pipe; on a terminal the same lines over a live one. A terminal that is gone stops nothing."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._terminal = self._console.is_terminal
        self._done = "✓" if "utf" in (stream.encoding or "").lower() else "ok"
        self._live: Live | Status | Progress | None = None
        self._said_at = time.monotonic()

    def line(self, text: str = "", style: str = "") -> None:
        """One line of text."""
        try:
            self._console.print(Text(text, style=style))
        except OSError:
            self._live, self._terminal = None, False
            self._console = Console(quiet=True)

    def ready(self, name: str, seconds: float, note: str = "") -> None:
        """A part is ready, so many seconds after it was started."""
        self.line(f"  {self._done} {name:<{NAME_WIDTH}} {seconds:5.1f} s   {note}".rstrip())

    def waiting(self, names: Sequence[str]) -> None:
        """What is still awaited; shown on a terminal only."""
        if not self._terminal:
            return
        text = f"waiting for {', '.join(names)}"
        if isinstance(self._live, Status):
            self._live.update(text)
        else:
            self.clear()
            self._live = self._console.status(text)
            self._live.start()

    def documents(self, what: str, done: int, total: int) -> None:
        """How far the documents are: a bar on a terminal, a line now and then elsewhere."""
        if not self._terminal:
            if done < total and time.monotonic() - self._said_at >= PLAIN_EVERY_S:
                self._said_at = time.monotonic()
                self.line(f"    {what} {done}/{total}")
            return
        if not isinstance(self._live, Progress):
            self.clear()
            columns = (TextColumn("    {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._live = Progress(*columns, console=self._console, transient=True)
            self._live.add_task(what)
            self._live.start()
        self._live.update(self._live.task_ids[0], description=what, completed=done, total=max(total, 1))

    def clear(self) -> None:
        """Take the live line away."""
        if self._live is not None:
            self._live.stop()
            self._live = None
