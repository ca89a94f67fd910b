"""What a backup consists of: every file with its size and hash, written last, so that half a backup is none."""

import hashlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from standalone.errors import StartRefused

NAME = "manifest.json"
FORMAT = 1
PIECE_BYTES = 1 << 20
SHOWN = 5


class Entry(BaseModel):
    """One file of the backup."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """The whole backup. It is as of `finished_at`: no earlier moment can be restored from it."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    finished_at: datetime
    postgres: str
    commit: str
    files: dict[str, Entry]
    folders: tuple[str, ...] = ()
    """Those without files; Postgres has some, and they get lost where a backup is kept as objects."""

    @property
    def bytes(self) -> int:
        """Of all files together."""
        return sum(entry.bytes for entry in self.files.values())


def write(folder: Path, *, finished_at: datetime, postgres: str, commit: str) -> Manifest:
    """Describe the folder as it is."""
    files = {name: Entry(bytes=(folder / name).stat().st_size, sha256=digest(folder / name)) for name in _names(folder)}
    folders = tuple(
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_dir() and not any(path.iterdir())
    )
    manifest = Manifest(
        finished_at=finished_at.astimezone(UTC), postgres=postgres, commit=commit, files=files, folders=folders
    )
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(manifest.model_dump(mode="json"), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    return manifest


def read(folder: Path) -> Manifest:
    """The manifest; StartRefused where there is no complete backup."""
    try:
        manifest = Manifest.model_validate_json((folder / NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise StartRefused(f"{folder} holds no complete backup: it has no {NAME}") from None
    except (ValidationError, UnicodeDecodeError):
        raise StartRefused(f"{folder / NAME} is not a manifest of a backup: it was changed") from None
    if manifest.format != FORMAT:
        raise StartRefused(f"{folder} was made by another release (format {manifest.format}): restore it with that one")
    return manifest


def verify(folder: Path, manifest: Manifest) -> None:
    """Compare every file with the manifest; StartRefused names those that are missing, changed or not of it."""
    wrong = [f"{name} is missing" for name in manifest.files if not (folder / name).is_file()]
    wrong += [f"{name} does not belong to it" for name in _names(folder) if name not in manifest.files]
    for name, entry in manifest.files.items():
        path = folder / name
        if path.is_file() and (path.stat().st_size != entry.bytes or digest(path) != entry.sha256):
            wrong.append(f"{name} was changed")
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise StartRefused(f"{folder} is not as it was backed up: {'; '.join(wrong[:SHOWN])}{more}")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    made = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            made.update(piece)
    return made.hexdigest()


def _names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / NAME:
            yield path.relative_to(folder).as_posix()
