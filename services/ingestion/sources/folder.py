"""A folder as a source: every document under it, whatever its links, names and permissions are."""

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from pydantic import Field

from ingestion.failures import Reason
from ingestion.sources.kind import (
    ALL_SUFFIXES,
    FoundFile,
    Looking,
    Scan,
    Source,
    SourceUnavailable,
    Suffixes,
    Unread,
    why,
)

HASH_BYTES = 1 << 20
DEEPEST = 64


class FolderSource(Source):
    """A folder whose documents a store is kept in step with."""

    kind: Literal["folder"] = "folder"
    path: str = Field(
        min_length=1, max_length=4096, description="The folder, absolute or from where the worker starts."
    )
    suffixes: Suffixes = Field(default=ALL_SUFFIXES, description="Names of files to take end in one of these.")
    hidden: bool = Field(default=False, description="Whether files and folders whose names begin with a dot are taken.")

    @property
    def place(self) -> str:
        """See Source."""
        return self.path

    @asynccontextmanager
    async def look(self, looking: Looking) -> AsyncGenerator[Scan]:
        """See Source. The files are read where they are."""
        yield await asyncio.to_thread(scan, self)


def scan(source: FolderSource) -> Scan:
    """Look through the folder; raises SourceUnavailable when it is not there or cannot be listed."""
    root = Path(source.path).expanduser()
    try:
        resolved = root.resolve(strict=True)
        entries = sorted(os.scandir(resolved), key=_name)
    except (OSError, RuntimeError) as error:
        raise SourceUnavailable(why(error, f"The folder {source.path}")) from None
    found = Scan()
    walk = _Walk(source, resolved, found)
    walk.folder(entries, "", 0)
    return found


def sha256_of(place: Path) -> str:
    """The hash of a file's bytes; raises OSError."""
    digest = hashlib.sha256()
    with place.open("rb") as opened:
        while piece := opened.read(HASH_BYTES):
            digest.update(piece)
    return digest.hexdigest()


class _Walk:
    """One pass over the tree. Links are followed inside the folder only, and every real file and folder counts once."""

    def __init__(self, source: FolderSource, root: Path, found: Scan) -> None:
        self._source = source
        self._root = root
        self._found = found
        self._suffixes = tuple(suffix.lower() for suffix in source.suffixes)
        self._folders = {_identity(root)}
        self._files: set[Path] = set()

    def folder(self, entries: list["os.DirEntry[str]"], prefix: str, depth: int) -> None:
        """Go through a folder's entries; links come last, so that what they point to is found at its own place."""
        for entry in sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name)):
            path = prefix + storable(entry.name)
            if entry.name.startswith(".") and not self._source.hidden:
                continue
            try:
                self._entry(entry, path, depth)
            except (OSError, RuntimeError) as error:
                self._found.unread.append(Unread(path, Reason.UNREADABLE, why(error, "The file or folder")))

    def _entry(self, entry: "os.DirEntry[str]", path: str, depth: int) -> None:
        place = Path(entry.path)
        if entry.is_symlink():
            place = place.resolve(strict=True)
            if not place.is_relative_to(self._root):
                self._found.skipped += 1
                return
        status = place.stat()
        if stat.S_ISDIR(status.st_mode):
            self._subfolder(place, path, depth)
        elif not stat.S_ISREG(status.st_mode) or not entry.name.lower().endswith(self._suffixes):
            self._found.skipped += 1
        elif place not in self._files:
            self._files.add(place)
            if not os.access(place, os.R_OK):
                raise PermissionError
            version = f"{status.st_mtime_ns}:{status.st_size}"
            self._found.files[path] = FoundFile(path, place, status.st_size, version)

    def _subfolder(self, place: Path, path: str, depth: int) -> None:
        identity = _identity(place)
        if identity in self._folders:
            return
        if depth >= DEEPEST:
            raise OSError(f"more than {DEEPEST} folders deep")
        self._folders.add(identity)
        self.folder(sorted(os.scandir(place), key=_name), f"{path}/", depth + 1)


def storable(name: str) -> str:
    """A name as text that a database takes: bytes that are not UTF-8 are written as `\\xNN`, so names stay distinct."""
    return os.fsencode(name).decode("utf-8", "backslashreplace").replace("\x00", "")


def _name(entry: "os.DirEntry[str]") -> str:
    return entry.name


def _identity(place: Path) -> tuple[int, int]:
    status = place.stat()
    return status.st_dev, status.st_ino
