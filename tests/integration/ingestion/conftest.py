"""A worker's surroundings for each test; whatever it started is gone when the test ends."""

from collections.abc import AsyncIterator
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
    work, folder = tmp_path / "work", tmp_path / "documents"
    work.mkdir()
    folder.mkdir()
    objects = Objects((work / "objects").as_uri())
    async with FakePool().running() as models, open_pool(database.app_url, min_size=1, max_size=6) as pool:
        bench = Bench(folder, work, database, models, pool, Catalog(pool), PostgresChunkStore(pool), objects)
        bench.configure()
        yield bench
        for process in bench.workers:
            if process.poll() is None:
                bench.kill(process)
