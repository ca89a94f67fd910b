"""Files that failed go back into the queue once, whoever asks and however often at once."""

import asyncio

import pytest

from common.postgres import Pool, tenant_transaction
from vector_store.catalog import Catalog
from vector_store.errors import ConflictError
from vector_store.models import FileError, Scope
from vector_store.retries import Retries

SCOPE = Scope("a", None)
ERROR = FileError("server_error", "The models were away.", "gave_up")


async def failed_file(catalog: Catalog, store_id: str, groups: tuple[str, ...] = ()) -> str:
    file = await catalog.create_file(SCOPE, filename="f.txt", bytes=1, sha256="0", object_key="a/f", groups=groups)
    await catalog.attach(SCOPE, store_id, file.id)
    await catalog.set_status(SCOPE, store_id, file.id, "failed", ERROR)
    return file.id


async def jobs(pool: Pool, file_id: str) -> int:
    async with tenant_transaction(pool, "a") as conn:
        cursor = await conn.execute("SELECT count(*) FROM procrastinate_jobs WHERE args->>'file_id' = %s", (file_id,))
        row = await cursor.fetchone()
        return int(row[0]) if row else 0


async def audited(pool: Pool) -> int:
    async with tenant_transaction(pool, "a") as conn:
        cursor = await conn.execute("SELECT count(*) FROM audit_log WHERE action = 'store_file.retry'")
        row = await cursor.fetchone()
        return int(row[0]) if row else 0


async def test_a_failed_file_is_listed_with_its_reason_and_put_back(pool: Pool, catalog: Catalog) -> None:
    store = await catalog.create_store(SCOPE, "docs")
    file_id = await failed_file(catalog, store.id)
    retries = Retries(pool)
    for name in ("docs", store.id, None):
        (found,) = await retries.failed(SCOPE, store=name)
        assert (found.file_id, found.store, found.reason, found.message) == (file_id, "docs", "gave_up", ERROR.message)
    before = await jobs(pool, file_id)
    await retries.retry(SCOPE, store.id, file_id)
    attached = await catalog.get_store_file(SCOPE, store.id, file_id)
    assert (attached.status, attached.last_error) == ("in_progress", None)
    assert await jobs(pool, file_id) == before + 1
    assert await retries.failed(SCOPE) == []
    assert await audited(pool) == 1


async def test_many_at_once_queue_one_job(pool: Pool, catalog: Catalog) -> None:
    store = await catalog.create_store(SCOPE, "docs")
    file_id = await failed_file(catalog, store.id)
    before = await jobs(pool, file_id)
    retries = Retries(pool)
    results = await asyncio.gather(*(retries.retry(SCOPE, store.id, file_id) for _ in range(8)), return_exceptions=True)
    assert sum(result is None for result in results) == 1
    assert await audited(pool) == 1, "what came to nothing is not in the audit log"
    assert all(isinstance(result, ConflictError) for result in results if result is not None)
    assert await jobs(pool, file_id) == before + 1


async def test_what_has_not_failed_is_not_retried(pool: Pool, catalog: Catalog) -> None:
    store = await catalog.create_store(SCOPE, "docs")
    file_id = await failed_file(catalog, store.id)
    await catalog.set_status(SCOPE, store.id, file_id, "completed")
    with pytest.raises(ConflictError, match="not failed"):
        await Retries(pool).retry(SCOPE, store.id, file_id)


async def test_all_failed_files_of_a_store_go_back_and_others_stay(pool: Pool, catalog: Catalog) -> None:
    one, other = await catalog.create_store(SCOPE, "one"), await catalog.create_store(SCOPE, "other")
    files = [await failed_file(catalog, one.id) for _ in range(3)]
    await failed_file(catalog, other.id)
    retries = Retries(pool)
    assert await retries.retry_all(SCOPE, await retries.failed(SCOPE, store="one")) == 3
    assert [file.store for file in await retries.failed(SCOPE)] == ["other"]
    assert [await jobs(pool, file_id) for file_id in files] == [2, 2, 2]


async def test_tenants_and_groups_are_kept_apart(pool: Pool, catalog: Catalog) -> None:
    store = await catalog.create_store(SCOPE, "docs")
    file_id = await failed_file(catalog, store.id, groups=("crew",))
    retries = Retries(pool)
    assert await retries.failed(Scope("b", None)) == []
    assert await retries.failed(Scope("a", ("others",))) == []
    assert len(await retries.failed(Scope("a", ("crew",)))) == 1
    with pytest.raises(ConflictError):
        await retries.retry(Scope("b", None), store.id, file_id)
