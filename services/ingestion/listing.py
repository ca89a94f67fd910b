"""Tables for a terminal: how sources stand, and which files failed and why."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vector_store.retries import FailedFile

# A pipe or a log has no width of its own; narrower, the cells of nine columns would be cut to nothing.
PIPE_WIDTH = 160
BAR_WIDTH = 16
MOST_REASONS = 3
COLOURS = {"ok": "green", "failed": "red", "running": "cyan", "waiting": "yellow"}


def terminal() -> Console:
    """Where tables go."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def sources_table(sources: Sequence[Mapping[str, Any]]) -> RenderableType:
    """One row for each source, in the form of `/v1/sources`, and below it why those fail that do."""
    table = Table(show_lines=False)
    for column in ("source", "tenant", "store", "state", "last success", "documents", "", "time left", "failures"):
        table.add_column(column, overflow="fold")
    errors: list[RenderableType] = []
    for source in sources:
        documents = source["documents"]
        table.add_row(
            Text(source["label"]),
            Text(source["tenant"]),
            Text(source["store"]),
            Text(source["state"], COLOURS.get(source["state"], "")),
            ago(source["last_success_at"]),
            f"{documents['done']} of {documents['total']}",
            ProgressBar(total=max(1, documents["total"]), completed=documents["done"], width=BAR_WIDTH),
            _left(documents),
            Text(source["error_reason"] or _reasons(source["failures"])),
        )
        if source["error"]:
            errors.append(Text(f"{source['label']}: {source['error']}", "red"))
    return Group(table, *errors)


def failed_table(files: Sequence[FailedFile]) -> Table:
    """Which files failed in which store, and why."""
    table = Table(show_lines=False)
    for column in ("store", "file", "id", "reason", "message"):
        table.add_column(column, overflow="fold")
    for file in files:
        table.add_row(*(Text(cell) for cell in (file.store, file.filename, file.file_id, file.reason, file.message)))
    return table


def ago(at: float | None) -> str:
    """`3 min ago`; `never` for None."""
    return "never" if at is None else f"{_span(max(0.0, time.time() - at))} ago"


def _left(documents: Mapping[str, Any]) -> str:
    if not documents["todo"]:
        return ""
    eta_s = documents["eta_s"]
    return "unknown" if eta_s is None else _span(eta_s)


def _span(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _reasons(failures: Mapping[str, int]) -> str:
    first = sorted(failures.items(), key=lambda each: (-each[1], each[0]))
    words = [f"{count} {reason}" for reason, count in first[:MOST_REASONS]]
    more = len(first) - MOST_REASONS
    return ", ".join(words) + (f" and {more} more" if more > 0 else "")
