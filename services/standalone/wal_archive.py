"""Keeps every finished piece of Postgres's write-ahead log, and fetches it back for a point-in-time restore.

Run by Postgres as a script (`python -I -S wal_archive.py keep|fetch FOLDER NAME PATH`), so it uses the standard library
alone. A piece is 16 MB however little is in it, so it is compressed.
"""

import contextlib
import gzip
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

# What was committed so long ago is in the archive, however little is written.
LONGEST_WAIT_S = 60


def settings(folder: Path) -> Mapping[str, str]:
    """What the server is told to keep its log there."""
    return {
        "archive_mode": "on",
        "archive_command": _command("keep", folder),
        "archive_timeout": str(LONGEST_WAIT_S),
    }


def fetching(folder: Path) -> str:
    """The command by which a server that is being restored gets a piece."""
    return _command("fetch", folder)


def keep(folder: Path, name: str, path: Path) -> int:
    """Store a piece whole or not at all; one that is there already must be the same."""
    target = folder / f"{name}.gz"
    if target.exists():
        with gzip.open(target) as kept:
            return 0 if kept.read() == path.read_bytes() else 1
    partial = folder / f"{name}.{os.getpid()}.part"
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed, path.open("rb") as source:
                shutil.copyfileobj(source, packed)
            raw.flush()
            os.fsync(raw.fileno())
        partial.rename(target)
        _sync(folder)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
    return 0


def fetch(folder: Path, name: str, path: Path) -> int:
    """Put a piece where the server wants it; 1 when there is none, which ends the restore there."""
    try:
        with gzip.open(folder / f"{name}.gz") as kept, path.open("wb") as target:
            shutil.copyfileobj(kept, target)
    except FileNotFoundError:
        return 1
    return 0


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _command(what: str, folder: Path) -> str:
    words = [sys.executable, "-I", "-S", str(Path(__file__).resolve()), what, str(folder)]
    # In these commands Postgres reads % as the begin of a placeholder; %f and %p are its own.
    return " ".join(shlex.quote(word).replace("%", "%%") for word in words) + ' "%f" "%p"'


if __name__ == "__main__":
    actions = {"keep": keep, "fetch": fetch}
    sys.exit(actions[sys.argv[1]](Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])))
