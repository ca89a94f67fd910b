"""The store on a real, migrated database of its own for each test."""

from collections.abc import AsyncIterator

import pytest

from common.postgres import Pool, open_pool
from conftest import Database
from integration.vector_store.shelf import Shelf
from vector_store.catalog import Catalog
from vector_store.postgres_engine import PostgresChunkStore


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    async with open_pool(database.app_url, min_size=1, max_size=12) as pool:
        yield pool


@pytest.fixture
def catalog(pool: Pool) -> Catalog:
    return Catalog(pool)


@pytest.fixture
def engine(pool: Pool) -> PostgresChunkStore:
    return PostgresChunkStore(pool)


@pytest.fixture
def shelf(catalog: Catalog, engine: PostgresChunkStore) -> Shelf:
    return Shelf(catalog, engine)
