"""With the conditions on the tenant taken out of its statements, the platform is still kept to one by the database."""

import re
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, AsyncCursor
from psycopg_pool import AsyncConnectionPool

from common.postgres import Connection, Pool, tenant_transaction
from conftest import Database
from integration.vector_store.shelf import NORTH, SPACE, Shelf, passage
from vector_store.audit import Audit, AuditFilter
from vector_store.catalog import Attachment, Catalog
from vector_store.errors import NotFoundError
from vector_store.models import EmbeddingSpace, Quota, Scope, SearchRequest
from vector_store.postgres_engine import PostgresChunkStore
from vector_store.shadow import ShadowIndexes

CONDITION = re.compile(rb"(?:\w+\.)?tenant = (%\(tenant\)s|%s)")
# Tables in which both tenants have rows; one that another part of the platform fills must show no other's either.
FILLED = {
    "stores", "files", "file_batches", "store_files", "chunks", "chunk_terms", "term_counts", "store_counts",
    "vectors_1", "vectors_2", "feedback", "audit_log", "tenant_usage", "tenant_requests", "deleted_files",
    "shadow_indexes", "shadow_files",
}  # fmt: skip
LEFT, RIGHT = Scope("left", None), Scope("right", None)


class Careless(AsyncCursor[Any]):
    """Runs the platform's own statements as if nobody had thought of tenants."""

    removed = 0

    async def execute(self, query: Any, params: Any = None, **rest: Any) -> Any:
        if isinstance(query, bytes | str):
            text = query.encode() if isinstance(query, str) else query
            query, found = CONDITION.subn(rb"(\1::text IS NOT NULL)", text)
            Careless.removed += found
        return await super().execute(query, params, **rest)


async def make_careless(conn: AsyncConnection[Any]) -> None:
    conn.cursor_factory = Careless


@pytest.fixture
async def careless(database: Database) -> AsyncIterator[Pool]:
    """The application's pool, whose every statement has lost its condition on the tenant."""
    pool: Pool = AsyncConnectionPool(
        database.app_url,
        connection_class=Connection,
        open=False,
        max_size=4,
        configure=make_careless,
        kwargs={"prepare_threshold": None},
    )
    await pool.open(wait=True)
    yield pool
    await pool.close()


@pytest.fixture
async def full(catalog: Catalog, engine: PostgresChunkStore, pool: Pool) -> dict[str, tuple[str, str]]:
    """Two tenants with something in every table; for each its store and its file."""
    made: dict[str, tuple[str, str]] = {}
    shadows = ShadowIndexes(pool)
    for scope in (LEFT, RIGHT):
        shelf = Shelf(catalog, engine, scope)
        store = await shelf.store("shared name")
        file = await shelf.put(store, passage(f"{scope.tenant} harbour", NORTH), name=scope.tenant)
        await catalog.create_batch(scope, store, [Attachment(file)])
        await engine.write(
            scope, store, file, [passage(f"{scope.tenant} harbour", NORTH)], space=SPACE, fingerprint="again"
        )
        await shadows.begin(scope, store, EmbeddingSpace("sextant", "1", 4))
        chunks = await engine.read(scope, store, file)
        assert await shadows.write(scope, store, file, chunks, [NORTH[None, :]], "shadow")
        gone = await shelf.put(store, passage("gone", NORTH), name="gone")
        await catalog.delete_file(scope, gone)
        made[scope.tenant] = (store, file)
    return made


async def fill_the_rest(pool: Pool, tenant: str) -> None:
    """Rows of the tables that the store itself does not write."""
    async with tenant_transaction(pool, tenant) as conn:
        await conn.execute(
            "INSERT INTO feedback (id, tenant, trace_id, author, value) VALUES (%s, %s, repeat('0', 32), 'me', '1')",
            (f"fb_{tenant}", tenant),
        )
        await conn.execute("SELECT take_requests(%s, 1, 10)", (tenant,))


def tables_with_tenants(database: Database) -> list[str]:
    with psycopg.connect(database.owner_url) as conn:
        rows = conn.execute(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'tenant'"
            " AND table_name NOT IN ('feedback_outbox', 'trace_promotions') ORDER BY 1"
        ).fetchall()
    return [name for (name,) in rows]


@pytest.mark.usefixtures("full")
async def test_raw_sql_in_a_tenants_transaction_sees_no_row_of_another(pool: Pool, database: Database) -> None:
    for tenant in ("left", "right"):
        await fill_the_rest(pool, tenant)
    tables = tables_with_tenants(database)
    assert set(tables) >= FILLED
    with psycopg.connect(database.superuser_url) as conn:
        for table in FILLED:
            rows = conn.execute(f"SELECT DISTINCT tenant FROM {table} ORDER BY 1".encode()).fetchall()
            assert rows == [("left",), ("right",)], f"{table}: nothing to keep apart, the test would prove nothing"
    for tenant in ("left", "right"):
        async with tenant_transaction(pool, tenant) as conn:
            for table in tables:
                rows = await (await conn.execute(f"SELECT DISTINCT tenant FROM {table}".encode())).fetchall()
                assert rows == [(tenant,)] or (rows == [] and table not in FILLED), table


async def test_the_platforms_own_statements_without_their_conditions_see_no_other_tenant(
    careless: Pool, full: dict[str, tuple[str, str]]
) -> None:
    Careless.removed = 0
    catalog, engine, audit = Catalog(careless), PostgresChunkStore(careless), Audit(careless)
    mine, (store, file) = full["left"], full["right"]

    assert [found.id for found in (await catalog.list_stores(LEFT)).data] == [mine[0]]
    assert [found.id for found in (await catalog.list_files(LEFT)).data] == [mine[1]]
    assert [found.id for found in await catalog.find_stores(LEFT, ["shared name"])] == [mine[0]]
    assert {event.tenant for event in (await audit.list_events(LEFT, AuditFilter(), limit=100)).data} == {"left"}
    assert (await catalog.usage(LEFT)).documents == 1
    for call in (
        catalog.get_store(LEFT, store),
        catalog.get_file(LEFT, file),
        catalog.get_store_file(LEFT, store, file),
        catalog.list_store_files(LEFT, store),
        catalog.update_store(LEFT, store, name="taken"),
        catalog.delete_store(LEFT, store),
        catalog.delete_file(LEFT, file),
        catalog.attach(LEFT, mine[0], file),
        catalog.attach(LEFT, store, mine[1]),
        catalog.detach(LEFT, store, file),
        engine.read(LEFT, store, file),
        engine.count(LEFT, store),
        engine.delete(LEFT, store, file),
        engine.search(LEFT, SearchRequest((store,), "harbour")),
        engine.write(LEFT, store, file, [passage("smuggled", NORTH)], space=SPACE, fingerprint="x"),
    ):
        with pytest.raises(NotFoundError):
            await call
    assert Careless.removed > 20, "the conditions were there to be removed"
    assert [chunk.text for chunk in await engine.read(RIGHT, store, file)] == ["right harbour"]


async def test_facts_of_another_tenants_store_are_not_told_by_name(
    pool: Pool, full: dict[str, tuple[str, str]]
) -> None:
    """The functions of the search take a tenant and store numbers; whoever lies there is told nothing."""
    async with tenant_transaction(pool, "left") as conn:
        query = "SELECT stores, chunks FROM search_facts('right', %s, 'harbour')"
        assert await (await conn.execute(query, ([full["right"][0]],))).fetchone() == (None, 0)
        every = "SELECT ARRAY(SELECT no FROM generate_series(1, 100) AS no)"
        text = await (await conn.execute(f"SELECT text FROM passages(({every}))".encode())).fetchall()
        assert text == [("left harbour",)]
        assert (await (await conn.execute("SELECT take_requests('left', 1, 5)")).fetchone()) is not None
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with tenant_transaction(pool, "left") as conn:
            await conn.execute("SELECT take_requests('right', 5, 5)")


async def test_a_quota_counts_one_tenant(catalog: Catalog, full: dict[str, tuple[str, str]]) -> None:
    assert set(full) == {"left", "right"}
    added = await catalog.create_file(
        LEFT, filename="second", bytes=1, sha256="0" * 64, object_key="left/second", quota=Quota(documents=2)
    )
    assert added.tenant == "left"
