"""The worker's own folder for what sources bring along: gone at its end; after a kill, when the next one starts."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

PREFIX = "fairlead-sources-"
LOCK = ".lock"


@contextmanager
def workspace(parent: Path | None = None) -> Iterator[Path]:
    """An empty folder under `parent` (none: the system's temporary folder), for as long as the context is open."""
    parent = parent or Path(tempfile.gettempdir())
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent)
    folder, lock = _locked(parent)
    with lock:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _locked(parent: Path) -> tuple[Path, TextIO]:
    """A new folder with its lock, which is held by this process and no longer than it lives, however it ends."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = (folder / LOCK).open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / LOCK).exists():
            return folder, lock
        # Another worker swept it before it was locked.
        lock.close()


def _sweep(parent: Path) -> None:
    """Remove folders of workers that are no more."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.getuid():
                continue
            with (folder / LOCK).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
