"""The log file of each part: the children write it themselves, so it is bounded by copying and cutting it."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

MAX_BYTES = 10 * 1024 * 1024
TAIL_BYTES = 16 * 1024


def open_log(path: Path) -> BinaryIO:
    """A new log to append to; that of the start before is kept as `.1`."""
    with suppress(FileNotFoundError):
        path.replace(earlier(path))
    return path.open("ab")


def bound(path: Path, max_bytes: int = MAX_BYTES) -> bool:
    """Move what is written to `.1` once it is more than `max_bytes`; whether it was.

    The writer goes on in the same, emptied file (it appends), so a log and its predecessor stay below twice the bound
    plus what is written between two calls; lines written during the copy may be lost.
    """
    try:
        if path.stat().st_size <= max_bytes:
            return False
        with path.open("r+b") as log:
            log.seek(-max_bytes, 2)
            earlier(path).write_bytes(log.read(max_bytes))
            log.truncate(0)
    except FileNotFoundError:
        return False
    return True


def earlier(path: Path) -> Path:
    """Where a log's previous part is kept."""
    return path.with_name(path.name + ".1")


def last_lines(path: Path, count: int = 12) -> list[str]:
    """The end of a log, its JSON lines made readable."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(0, size - TAIL_BYTES))
            text = log.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [readable(line) for line in text.splitlines() if line.strip()][-count:]


def readable(line: str) -> str:
    """A JSON log line as `level: event name=value`; anything else as it is."""
    try:
        entry: Any = json.loads(line)
    except ValueError:
        return line.rstrip()
    if not isinstance(entry, dict) or "event" not in entry:
        return line.rstrip()
    shown = " ".join(
        f"{name}={value}" for name, value in entry.items() if name not in ("event", "level", "timestamp", "service")
    )
    return f"{entry.get('level', 'info')}: {entry['event']} {shown}".rstrip()
