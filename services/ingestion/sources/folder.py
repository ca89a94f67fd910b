"""A folder as a source: every document under it, whatever its links, names and permissions are."""

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ingestion.failures import Reason
from ingestion.tunables import FolderSource

HASH_BYTES = 1 << 20
DEEPEST = 64


class SourceUnavailable(Exception):
    """The source as a whole cannot be read: nothing may be concluded about its files."""


@dataclass(frozen=True)
class FoundFile:
    """A document that is there now. `path` is relative, with `/`, and can be stored whatever bytes its name has."""

    path: str
    place: Path
    bytes: int
    version: str


@dataclass(frozen=True)
class Unread:
    """Something that cannot be read. What lies under it is then unknown, not gone."""

    path: str
    reason: Reason
    message: str


@dataclass
class Scan:
    """What one look at the folder found."""

    files: dict[str, FoundFile] = field(default_factory=dict[str, FoundFile])
    unread: list[Unread] = field(default_factory=list[Unread])
    skipped: int = 0
    """Files of other kinds, and links that lead outside."""

    def is_unknown(self, path: str) -> bool:
        """Whether a file that was not found may still be there, under what could not be read."""
        return any(path == unread.path or path.startswith(f"{unread.path}/") for unread in self.unread)


def scan(source: FolderSource) -> Scan:
    """Look through the folder; raises SourceUnavailable when it is not there or cannot be listed."""
    root = Path(source.path).expanduser()
    try:
        resolved = root.resolve(strict=True)
        entries = sorted(os.scandir(resolved), key=_name)
    except (OSError, RuntimeError) as error:
        raise SourceUnavailable(_why(error, f"The folder {source.path}")) from None
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
                self._found.unread.append(Unread(path, Reason.UNREADABLE, _why(error, "The file or folder")))

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


def _why(error: OSError | RuntimeError, what: str) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{what} does not exist."
    if isinstance(error, PermissionError):
        return f"{what} may not be read: permission denied."
    if isinstance(error, NotADirectoryError):
        return f"{what} is not a folder."
    return f"{what} cannot be read: {getattr(error, 'strerror', None) or error}."
