"""One look at a source of any kind, with the bytes of what it found."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ingestion.sources.kind import Looking, Scan, Source
from ingestion.sources.registry import AnySource

LARGEST = 4 * 1024 * 1024
ADAPTER: TypeAdapter[Source] = TypeAdapter(AnySource)


@dataclass
class Looked:
    scan: Scan
    bytes: dict[str, bytes]
    """Of the files that were new or changed."""

    def reasons(self) -> list[str]:
        return [str(unread.reason) for unread in self.scan.unread]

    def versions(self) -> dict[str, str]:
        return {path: file.version for path, file in self.scan.files.items()}


def source(**settings: Any) -> Source:
    return ADAPTER.validate_python(settings)


async def looked(
    tmp_path: Path, known: Mapping[str, str] | None = None, largest: int = LARGEST, **settings: Any
) -> Looked:
    async with looking(tmp_path, known, largest, **settings) as found:
        return found


@asynccontextmanager
async def looking(
    tmp_path: Path, known: Mapping[str, str] | None = None, largest: int = LARGEST, **settings: Any
) -> AsyncIterator[Looked]:
    known = known or {}
    work, cache = tmp_path / "look", tmp_path / "cache"
    for folder in (work, cache):
        folder.mkdir(exist_ok=True)
    async with source(**settings).look(Looking(known, largest, work, cache)) as scan:
        content: dict[str, bytes] = {}
        for path, file in scan.files.items():
            if known.get(path) == file.version:
                continue
            if file.fetch is not None:
                await file.fetch()
            content[path] = file.place.read_bytes()
            assert file.place.is_relative_to(work) or "path" in settings
        yield Looked(scan, content)
