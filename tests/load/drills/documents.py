"""Drills of the ingestion worker's alerts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from drills.drill import Drill
from drills.stage import Stage

WINDOW = 20
USUAL_WINDOWS = 7
READ_S = 420


def _write(folder: Path, first: int, count: int, sentences: int) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(first, first + count):
        text = f"# Knot {number}\n\n" + " ".join(f"Knot {number} has a turn {turn}." for turn in range(sentences))
        (folder / f"knot-{number}.md").write_text(text, encoding="utf-8")


@asynccontextmanager
async def models_halted(stage: Stage) -> AsyncIterator[None]:
    """Nothing embeds passages, and more documents come than are in work at a time."""
    with stage.halted("-m local_models"):
        _write(stage.documents / "waiting", 0, 12, 3)
        yield


@asynccontextmanager
async def folder_away(stage: Stage) -> AsyncIterator[None]:
    """The folder of a source is not there."""
    away = stage.documents.with_name("documents-away")
    stage.documents.rename(away)
    try:
        yield
    finally:
        away.rename(stage.documents)


@asynccontextmanager
async def no_time_to_read(stage: Stage) -> AsyncIterator[None]:
    """A file must be read within a hundredth of a second, and there is a new one."""
    with stage.edited("ingestion", lambda tunables: tunables.update(limits={"wall_s": 0.01})):
        (stage.documents / "late.html").write_text("<h1>Late</h1><p>Too late.</p>", encoding="utf-8")
        yield
    (stage.documents / "late.html").unlink()


@asynccontextmanager
async def longer_documents(stage: Stage) -> AsyncIterator[None]:
    """After seven windows of short documents a source brings twenty long ones; then short ones again."""
    folder = stage.folder / "notes"
    _write(folder, 0, USUAL_WINDOWS * WINDOW, 4)
    source = {"kind": "folder", "store": "default", "path": str(folder), "label": "notes"}
    with stage.edited("ingestion", lambda tunables: tunables["sources"].append(source)):
        async with asyncio.timeout(READ_S):
            while await _shown(stage, 'fairlead_ingest_quality_usual{source="notes",measure="characters"}') is None:
                await asyncio.sleep(1)
        _write(folder, 1000, WINDOW, 60)
        yield
        # Once more what is usual, so that the last window is.
        _write(folder, 2000, 2 * WINDOW, 4)
        await asyncio.sleep(20)


async def _shown(stage: Stage, query: str) -> float | None:
    async with stage.session.get(f"{stage.url('PROMETHEUS')}/api/v1/query", params={"query": query}) as answer:
        found: list[Any] = (await answer.json())["data"]["result"]
    return float(found[0]["value"][1]) if found else None


@asynccontextmanager
async def no_room(stage: Stage) -> AsyncIterator[None]:
    """The store of file bytes is a disk of 64 KB; needs the right to mount one."""
    objects = str(stage.home.objects)
    await _run("mount", "-t", "tmpfs", "-o", "size=64k,mode=0777", "tmpfs", objects)
    try:
        yield
    finally:
        await _run("umount", "--lazy", objects)


async def upload_too_much(stage: Stage) -> None:
    """Upload a file of 256 KB."""
    form = aiohttp.FormData()
    form.add_field("purpose", "assistants")
    form.add_field("file", "rope " * 50_000, filename="rope.txt")
    headers = {"authorization": f"Bearer {stage.key}"}
    async with stage.session.post(stage.url("ORCHESTRATOR") + "/v1/files", data=form, headers=headers) as answer:
        await answer.read()
    await asyncio.sleep(1)


async def _run(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait():
        raise PermissionError(f"`{' '.join(command)}` failed: this drill is for a machine where one may mount")


DRILLS = (
    Drill("StorageFull", no_room, upload_too_much),
    Drill("IngestQueueStuck", models_halted, eased={"> 1800": "> 20"}),
    Drill("SourceFailing", folder_away, eased={"> 3600": "> 20"}),
    Drill("FilesGivenUp", no_time_to_read),
    Drill("DocumentsUnusual", longer_documents),
)
