"""Migrations: each whole or not at all, in turn, never edited, taken back without harm, clear about what is missing."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from common.postgres import open_pool
from conftest import Database, PostgresServer
from vector_store import migrations, schema
from vector_store.errors import SchemaError
from vector_store.migrations import migrate, schema_fits
from vector_store.schema import Migration, own_migrations

FIRST = Migration("0001_first", "CREATE TABLE first (n int); INSERT INTO first VALUES (1);")
SECOND = Migration("0002_second", "ALTER TABLE first ADD COLUMN m int;")


def tables(database: Database) -> set[str]:
    with psycopg.connect(database.owner_url) as conn:
        rows = conn.execute("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchall()
    return {name for (name,) in rows}


async def test_a_new_database_gets_everything_once(empty_database: Database) -> None:
    applied = await migrate(empty_database.owner_url)
    assert applied == ["queue/schema", *(migration.name for migration in own_migrations())]
    assert {"stores", "chunks", "procrastinate_jobs"} <= tables(empty_database)
    assert await migrate(empty_database.owner_url) == []


async def test_later_migrations_follow(empty_database: Database) -> None:
    await migrate(empty_database.owner_url, [FIRST])
    assert await migrate(empty_database.owner_url, [FIRST, SECOND]) == ["0002_second"]


async def test_a_failing_migration_leaves_nothing_of_itself(empty_database: Database) -> None:
    broken = Migration("0002_broken", "CREATE TABLE half (n int); SELECT 1/0;")
    with pytest.raises(SchemaError, match="0002_broken failed and nothing of it remains: division by zero"):
        await migrate(empty_database.owner_url, [FIRST, broken])
    assert "half" not in tables(empty_database)
    assert await migrate(empty_database.owner_url, [FIRST, SECOND]) == ["0002_second"]


async def test_concurrent_migrates_take_turns(empty_database: Database) -> None:
    slow = Migration("0003_slow", "SELECT pg_sleep(0.2);")
    results = await asyncio.gather(*(migrate(empty_database.owner_url, [FIRST, SECOND, slow]) for _ in range(4)))
    assert sorted(results, key=len) == [[], [], [], ["queue/schema", "0001_first", "0002_second", "0003_slow"]]


async def test_waiting_for_another_migrate_ends(empty_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "LOCK_WAIT_MS", 50)
    with psycopg.connect(empty_database.owner_url) as other:
        other.execute("SELECT pg_advisory_lock(hashtext(%s))", (migrations.LOCK,))
        with pytest.raises(SchemaError, match="Another migrate"):
            await migrate(empty_database.owner_url)


async def test_an_edited_migration_is_refused(empty_database: Database) -> None:
    await migrate(empty_database.owner_url, [FIRST])
    with pytest.raises(SchemaError, match="0001_first was changed after it was applied"):
        await migrate(empty_database.owner_url, [Migration("0001_first", FIRST.sql + " "), SECOND])


async def test_a_release_is_taken_back_on_a_schema_that_only_grew(empty_database: Database) -> None:
    await migrate(empty_database.owner_url, [FIRST, SECOND])
    assert await migrate(empty_database.owner_url, [FIRST]) == []


async def test_a_release_is_not_taken_back_to_before_something_was_taken_away(empty_database: Database) -> None:
    later = Migration("0003_contract_numbers", "ALTER TABLE first DROP COLUMN n;")
    await migrate(empty_database.owner_url, [FIRST, SECOND, later])
    with pytest.raises(SchemaError, match="newer than this version: migration 0003_contract_numbers took away"):
        await migrate(empty_database.owner_url, [FIRST, SECOND])
    async with open_pool(empty_database.app_url) as pool:
        assert "0003_contract_numbers took away" in str(await schema_fits(pool, [FIRST, SECOND]))
        assert await schema_fits(pool, [FIRST, SECOND, later]) is None


async def test_a_database_of_another_line_of_releases_is_refused(empty_database: Database) -> None:
    await migrate(empty_database.owner_url, [FIRST, Migration("0001_foreign", "CREATE TABLE foreigner (n int);")])
    with pytest.raises(SchemaError, match="0001_foreign, which this version never had"):
        await migrate(empty_database.owner_url, [FIRST, SECOND])


async def test_services_wait_for_what_they_need_and_no_more(empty_database: Database) -> None:
    async with open_pool(empty_database.app_url) as pool:
        assert "no schema yet" in str(await schema_fits(pool, [FIRST]))
        await migrate(empty_database.owner_url, [FIRST])
        assert await schema_fits(pool, [FIRST]) is None
        assert "lacks 0002_second" in str(await schema_fits(pool, [FIRST, SECOND]))
        await migrate(empty_database.owner_url, [FIRST, SECOND])
        assert await schema_fits(pool, [FIRST]) is None, "services of the version before keep running"


async def test_only_the_owner_migrates(empty_database: Database) -> None:
    with pytest.raises(SchemaError, match="run as fairlead_owner"):
        await migrate(empty_database.app_url)


async def test_a_database_that_cannot_be_reached_is_one_sentence(empty_database: Database) -> None:
    with pytest.raises(SchemaError, match="cannot be reached"):
        await migrate(empty_database.owner_url.rpartition("/")[0] + "/nowhere")


@pytest.fixture
def bare_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A database without pgvector, as a managed server hands it out."""
    name = "bare"
    owner, app = postgres_server.roles.owner, postgres_server.roles.app
    with psycopg.connect(postgres_server.superuser_url, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner.name)))
        yield Database(name, postgres_server.url(name, owner), postgres_server.url(name, app), "")
        conn.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


async def test_a_missing_extension_is_said_with_its_remedy(bare_database: Database) -> None:
    with pytest.raises(SchemaError, match=r"lacks pgvector .* run CREATE EXTENSION vector;"):
        await migrate(bare_database.owner_url)


@pytest.mark.parametrize("role", ["OWNER", "APPLICATION"])
async def test_a_missing_role_is_said_with_its_remedy(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    monkeypatch.setattr(migrations, role, "fairlead_absent")
    with pytest.raises(SchemaError, match=r"no role fairlead_absent, .* run CREATE ROLE fairlead_absent LOGIN"):
        await migrate(empty_database.owner_url)


async def test_an_application_role_above_row_level_security_is_refused(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "APPLICATION", "postgres")
    with pytest.raises(SchemaError, match="passes row-level security"):
        await migrate(empty_database.owner_url)


async def test_an_old_pgvector_is_refused(empty_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "MINIMUM_VECTOR_VERSION", (99, 0, 0))
    with pytest.raises(SchemaError, match="is too old"):
        await migrate(empty_database.owner_url)


async def test_a_later_queue_version_expands_first_and_contracts_a_run_later(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(empty_database.owner_url, [])
    expand = Migration("queue/99.00.00_01_pre_new", "CREATE TABLE procrastinate_new (n int);")
    contract = Migration("queue/99.00.00_50_post_new", "DROP FUNCTION procrastinate_fetch_job_v2;")

    def shipped(folder: object, prefix: str = "") -> list[Migration]:
        return [expand, contract] if prefix else []

    monkeypatch.setattr(schema, "_read", shipped)
    assert await migrate(empty_database.owner_url, []) == [expand.name]
    async with open_pool(empty_database.app_url) as pool, pool.connection() as conn:
        await conn.execute("SELECT n FROM procrastinate_new")
    assert await migrate(empty_database.owner_url, []) == [contract.name]
    assert await migrate(empty_database.owner_url, []) == []
