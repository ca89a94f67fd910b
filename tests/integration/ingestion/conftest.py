"""A worker's surroundings for each test; whatever it started is gone when the test ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from common.postgres import open_pool
from conftest import Database
from fakes.pool import FakePool
from integration.ingestion.worker_process import Bench
from vector_store.catalog import Catalog
from vector_store.objects import Objects
from vector_store.postgres_engine import PostgresChunkStore


@pytest.fixture
async def bench(database: Database, tmp_path: Path) -> AsyncIterator[Bench]:
    """No worker runs yet: for tests that start, stop and kill some."""
    async with surroundings(database, tmp_path) as bench:
        yield bench


@pytest.fixture(scope="module")
async def started(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with surroundings(module_database, tmp_path_factory.mktemp("worker")) as bench:
        bench.configure(source=False)
        await bench.start()
        yield bench


@pytest.fixture
async def working(started: Bench, tmp_path: Path) -> AsyncIterator[Bench]:
    """A worker runs, on a folder and a store of this test alone."""
    folder = tmp_path / "documents"
    folder.mkdir()
    started.models.requests.clear()
    bench = replace(started, folder=folder, store_name=tmp_path.name, tunables={})
    bench.configure()
    yield bench
    bench.models.fail.clear()
    bench.models.hold.clear()
    replace(bench, tunables={}).configure(source=False)


@asynccontextmanager
async def surroundings(database: Database, folder: Path) -> AsyncIterator[Bench]:
    work, documents = folder / "work", folder / "documents"
    work.mkdir()
    documents.mkdir()
    objects = Objects((work / "objects").as_uri())
    async with FakePool().running() as models, open_pool(database.app_url, min_size=1, max_size=6) as pool:
        bench = Bench(documents, work, database, models, pool, Catalog(pool), PostgresChunkStore(pool), objects)
        bench.configure()
        yield bench
        for process in bench.workers:
            if process.poll() is None:
                bench.kill(process)
