"""Ingestion end to end: documents/s and chunks/s of a folder, the folder again, memory of the worker (ARGS=FOLDER)."""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import psutil
import typer
import yaml
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.postgres import Pool, open_pool
from evaluation import platform
from fakes.pool import FakePool
from ingestion.extract.kinds import SUFFIXES
from vector_store.catalog import Catalog
from vector_store.models import Scope, Store
from vector_store.postgres_engine import PostgresChunkStore

SCOPE = Scope("default", None)
LOOK_EVERY_S = 0.25
STUCK_AFTER_S = 300.0


@dataclass
class Run:
    """One pass over the folder."""

    what: str
    seconds: float
    store: Store
    chunks: int
    peak_bytes: int
    failures: Counter[str]
    """Why documents failed, and how many each."""


def main(
    folder: Annotated[Path, typer.Argument(help="Documents to ingest; copied first, never changed.")],
    models: Annotated[
        str, typer.Option(help="local (the shipped model) or none (random vectors: the worker alone)")
    ] = "local",
    limit: Annotated[int, typer.Option(help="Take this many documents at most, 0: all.")] = 0,
    concurrency: Annotated[int, typer.Option(help="Files in work at a time.")] = 4,
) -> None:
    """Ingest FOLDER into a fresh database, then look at it again."""
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as temporary:
        work = Path(temporary)
        files = copied(folder, work / "documents", limit)
        runs = asyncio.run(measured(work, len(files), models, concurrency))
        size = sum(path.stat().st_size for path in files)
        show(runs, files, size)


def copied(folder: Path, target: Path, limit: int) -> list[Path]:
    """The documents under `folder`, copied to `target` under names of their own."""
    target.mkdir()
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in SUFFIXES)
    files: list[Path] = []
    # Of a part every kind and folder has its share, not the names that come first.
    part = [found[i * len(found) // limit] for i in range(limit)] if 0 < limit < len(found) else found
    for number, path in enumerate(part):
        files.append(target / f"{number:06d}-{path.name}")
        shutil.copyfile(path, files[-1])
    if not files:
        raise typer.BadParameter(f"no documents in {folder}")
    return files


async def measured(work: Path, files: int, models: str, concurrency: int) -> list[Run]:
    """A first run that indexes everything, and a second that finds nothing to do."""
    with platform.temporary_database(work) as database:
        if models == "local":
            with platform.service("local_models", work, {}) as url:
                return await both(work, database.app_url, f"{url}/v1", files, concurrency)
        async with FakePool().running() as pool:
            return await both(work, database.app_url, pool.url, files, concurrency)


async def both(work: Path, database_url: str, pool_url: str, files: int, concurrency: int) -> list[Run]:
    source = {"kind": "folder", "path": str(work / "documents")}
    config = work / "ingestion.yaml"
    config.write_text(yaml.safe_dump({"sources": [source], "concurrency": concurrency}), encoding="utf-8")
    environment = {
        "FAIRLEAD_CONFIG_FILE": str(config),
        "FAIRLEAD_POOL_URL": pool_url,
        "FAIRLEAD_OBJECTS_URL": (work / "objects").as_uri(),
        "FAIRLEAD_DATABASE_URL": database_url,
    }
    async with open_pool(database_url, max_size=4) as pool:
        return [await one(what, work, environment, pool, files) for what in ("first", "again")]


async def one(what: str, work: Path, environment: dict[str, str], pool: Pool, files: int) -> Run:
    began = time.perf_counter()
    known = {process.pid for process in psutil.Process().children()}
    with platform.service("ingestion", work, environment) as url:
        worker = [process for process in psutil.Process().children() if process.pid not in known]
        store, peak = await indexed(Catalog(pool), worker, files, url)
        seconds = time.perf_counter() - began
    counts = await PostgresChunkStore(pool).count(SCOPE, store.id)
    failed = (await Catalog(pool).list_store_files(SCOPE, store.id, status="failed", limit=100)).data
    failures = Counter(file.last_error.message if file.last_error else "no reason given" for file in failed)
    return Run(what, seconds, store, counts.chunks, peak, failures)


async def indexed(catalog: Catalog, worker: list[psutil.Process], files: int, url: str) -> tuple[Store, int]:
    """Wait until every file has its result and the source was seen; gives the store and the worker's peak memory."""
    peak, done, moved = 0, -1, time.monotonic()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("indexing", total=files)
        while True:
            peak = max(peak, sum(resident(process) for process in worker))
            stores = await catalog.find_stores(SCOPE, ["default"])
            if stores:
                counts = stores[0].file_counts
                now = counts.completed + counts.failed
                bar.update(task, completed=now)
                if now >= files and await asyncio.to_thread(synced, url):
                    return stores[0], peak
                if now > done:
                    done, moved = now, time.monotonic()
            if time.monotonic() - moved > STUCK_AFTER_S:
                raise SystemExit(f"nothing has moved for {STUCK_AFTER_S:.0f} s at {done} of {files} documents")
            await asyncio.sleep(LOOK_EVERY_S)


def synced(url: str) -> bool:
    import httpx2 as httpx

    return all(source["state"] == "ok" for source in httpx.get(f"{url}/v1/sources").json()["data"])


def resident(process: psutil.Process) -> int:
    """Memory of a process and of all that it started: a page that several share counts once (PSS), in bytes."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):  # it ended while it was asked
            total += each.memory_full_info().pss
    return total


def show(runs: list[Run], files: list[Path], size: int) -> None:
    kinds = Counter(path.suffix.lower() for path in files)
    mix = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    table = Table(title=f"{len(files)} documents ({mix}), {size / 1e6:.1f} MB, {os.cpu_count()} cores")
    for column in ("run", "seconds", "documents/s", "chunks", "chunks/s", "MB/s", "failed", "peak MB"):
        table.add_column(column, justify="right")
    for run in runs:
        table.add_row(
            run.what,
            f"{run.seconds:.1f}",
            f"{len(files) / run.seconds:.1f}",
            str(run.chunks),
            f"{run.chunks / run.seconds:.1f}" if run.what == "first" else "-",
            f"{size / 1e6 / run.seconds:.2f}",
            str(run.store.file_counts.failed),
            f"{run.peak_bytes / 1e6:.0f}",
        )
    Console().print(table)
    for reason, count in runs[0].failures.most_common():
        print(f"{count} failed: {reason}")


if __name__ == "__main__":
    typer.run(main)
