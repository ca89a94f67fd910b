"""Tenants are kept apart by the database itself, whatever the application's queries say."""

import psycopg
import pytest
from psycopg import errors, sql

from common.postgres import Pool, tenant_transaction
from conftest import Database
from integration.vector_store.shelf import NORTH, Shelf, passage
from vector_store.catalog import Catalog
from vector_store.models import Scope
from vector_store.postgres_engine import PostgresChunkStore

# The forwarder and the trace buffer work for all tenants, and what they queue says nothing of what those hold.
WITHOUT_TENANTS = {
    "schema_migrations",
    "embedding_spaces",
    "feedback_outbox",
    "trace_promotions",
    "caller_ledger",
    "ingest_quality",
}


@pytest.fixture
async def two_tenants(catalog: Catalog, engine: PostgresChunkStore) -> tuple[Shelf, Shelf]:
    shelves = tuple(Shelf(catalog, engine, Scope(tenant, None)) for tenant in ("left", "right"))
    for shelf in shelves:
        store = await shelf.store(shelf.scope.tenant)
        await shelf.put(store, passage(f"{shelf.scope.tenant} harbour", NORTH), name=shelf.scope.tenant)
    return shelves  # pyright: ignore[reportReturnType]


def tenant_tables(database: Database) -> list[str]:
    """Every table of ours, the queue's own aside."""
    with psycopg.connect(database.owner_url) as conn:
        rows = conn.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            " AND relname NOT LIKE 'procrastinate%'"
        ).fetchall()
    return sorted({name for (name,) in rows} - WITHOUT_TENANTS)


@pytest.mark.usefixtures("two_tenants")
def test_every_table_is_forced_under_row_level_security(database: Database) -> None:
    tables = tenant_tables(database)
    assert {"stores", "files", "store_files", "chunks", "chunk_terms", "term_counts", "vectors_1"} <= set(tables)
    with psycopg.connect(database.owner_url) as conn:
        unprotected = conn.execute(
            "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND NOT (relrowsecurity AND relforcerowsecurity)",
            (tables,),
        ).fetchall()
        assert unprotected == []
        owners = conn.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE tablename = ANY(%s)", (tables,))
        assert owners.fetchall() == [("fairlead_owner",)]


@pytest.mark.usefixtures("two_tenants")
async def test_queries_without_a_tenant_condition_see_one_tenant(pool: Pool, database: Database) -> None:
    for tenant in ("left", "right"):
        async with tenant_transaction(pool, tenant) as conn:
            for table in tenant_tables(database):
                query = sql.SQL("SELECT DISTINCT tenant FROM {}").format(sql.Identifier(table))
                seen = await (await conn.execute(query)).fetchall()
                assert seen in ([], [(tenant,)]), table
            chunks = await (await conn.execute("SELECT text FROM chunks")).fetchall()
            assert chunks == [(f"{tenant} harbour",)]


@pytest.mark.usefixtures("two_tenants")
async def test_without_a_tenant_nothing_is_seen(pool: Pool, database: Database) -> None:
    async with pool.connection() as conn:
        for table in tenant_tables(database):
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            assert await (await conn.execute(query)).fetchone() == (0,), table


@pytest.mark.usefixtures("two_tenants")
async def test_another_tenants_rows_cannot_be_changed_or_made(pool: Pool) -> None:
    async with tenant_transaction(pool, "left") as conn:
        assert (await conn.execute("UPDATE stores SET name = 'taken'")).rowcount == 1
        assert (await conn.execute("DELETE FROM chunks WHERE tenant = 'right'")).rowcount == 0
    with pytest.raises(errors.InsufficientPrivilege):
        async with tenant_transaction(pool, "left") as conn:
            await conn.execute("INSERT INTO stores (id, tenant, name) VALUES ('vs_x', 'right', 'smuggled')")
    with pytest.raises(errors.InsufficientPrivilege):
        async with tenant_transaction(pool, "left") as conn:
            await conn.execute("UPDATE stores SET tenant = 'right'")


async def test_the_search_function_of_the_owner_keeps_to_the_tenant(
    pool: Pool, two_tenants: tuple[Shelf, Shelf]
) -> None:
    query = "SELECT count(*) FROM keyword_candidates(ARRAY[1, 2], NULL, false, '{harbour}', '{1}', 0.3, 0.1, 100, 10)"
    async with tenant_transaction(pool, "left") as conn:
        assert await (await conn.execute(query)).fetchone() == (1,)
    async with pool.connection() as conn:
        assert await (await conn.execute(query)).fetchone() == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE term_counts SET chunks = 1",
        "DELETE FROM store_counts",
        "UPDATE schema_migrations SET checksum = ''",
        "DROP TABLE chunks",
        "ALTER TABLE chunks DISABLE ROW LEVEL SECURITY",
        "SET ROLE fairlead_owner",
        "SELECT protect_tenants('stores')",
        "TRUNCATE chunks",
    ],
)
async def test_the_application_has_no_right_it_does_not_need(pool: Pool, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        async with tenant_transaction(pool, "left") as conn:
            await conn.execute(statement.encode())
