"""The catalog: what is created is found, lists have no gaps, and jobs exist with what they are for."""

import asyncio

import psycopg
import pytest
from psycopg.rows import dict_row

from common.postgres import Pool, tenant_transaction
from conftest import Database
from integration.vector_store.shelf import NORTH, READER, SERVICE, Shelf, passage
from vector_store.catalog import Attachment, Catalog
from vector_store.errors import ConflictError, InvalidError, NotFoundError
from vector_store.jobs import enqueue
from vector_store.models import FileCounts, FileError, Page, Scope


def jobs(database: Database) -> list[dict[str, object]]:
    with psycopg.connect(database.owner_url, row_factory=dict_row) as conn:
        return conn.execute(
            "SELECT queue_name, task_name, lock, args, status::text FROM procrastinate_jobs ORDER BY id"
        ).fetchall()


# -- stores


async def test_a_store_is_what_it_was_made_of(catalog: Catalog) -> None:
    made = await catalog.create_store(
        SERVICE, "Harbour 🚢", description="All of it", metadata={"team": "docks"}, expires_after_days=7
    )
    assert made == await catalog.get_store(READER, made.id)
    assert (made.name, made.description, made.metadata) == ("Harbour 🚢", "All of it", {"team": "docks"})
    assert (made.status, made.file_counts, made.usage_bytes, made.space) == ("completed", FileCounts(), 0, None)
    assert made.expires_at == made.last_active_at + 7 * 86_400


async def test_an_update_changes_the_fields_given_and_nothing_else(catalog: Catalog) -> None:
    made = await catalog.create_store(SERVICE, "one", metadata={"a": "1"}, expires_after_days=3)
    assert (await catalog.update_store(SERVICE, made.id)) == made
    renamed = await catalog.update_store(SERVICE, made.id, name="two")
    assert (renamed.name, renamed.metadata, renamed.expires_after_days) == ("two", {"a": "1"}, 3)
    emptied = await catalog.update_store(SERVICE, made.id, metadata=None, expires_after_days=None)
    assert (emptied.name, emptied.metadata, emptied.expires_at) == ("two", {}, None)


async def test_the_oldest_store_of_a_name_is_the_one_meant(catalog: Catalog) -> None:
    first = await catalog.create_store(SERVICE, "docs")
    await asyncio.sleep(0.002)  # ids sort by the millisecond
    await catalog.create_store(SERVICE, "docs")
    other = await catalog.create_store(SERVICE, "other")
    assert (await catalog.ensure_store(SERVICE, "docs")).id == first.id
    assert [store.id for store in await catalog.find_stores(READER, ["other", "none", "docs"])] == [other.id, first.id]


async def test_a_store_ensured_by_many_at_once_is_one(catalog: Catalog) -> None:
    made = await asyncio.gather(*(catalog.ensure_store(SERVICE, "default") for _ in range(10)))
    assert len({store.id for store in made}) == 1


async def test_an_expired_store_says_so_and_is_not_searched(shelf: Shelf, database: Database) -> None:
    store = (await shelf.catalog.create_store(SERVICE, "old", expires_after_days=1)).id
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        conn.execute("UPDATE stores SET last_active_at = now() - interval '2 days'")
    assert (await shelf.catalog.get_store(READER, store)).status == "expired"
    with pytest.raises(InvalidError, match="expired"):
        await shelf.search(store, "harbour")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"metadata": {f"k{i}": "v" for i in range(17)}}, "metadata"),
        ({"metadata": {"k" * 65: "v"}}, "metadata"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"expires_after_days": 0}, "expires_after.days"),
        ({"expires_after_days": 366}, "expires_after.days"),
    ],
)
async def test_fields_out_of_bounds_are_refused_by_name(
    catalog: Catalog, fields: dict[str, object], param: str
) -> None:
    with pytest.raises(InvalidError) as refused:
        await catalog.create_store(SERVICE, "x", **fields)  # pyright: ignore[reportArgumentType]
    assert refused.value.param == param


# -- lists


async def walk(catalog: Catalog, order: str, limit: int, backwards: bool = False) -> list[str]:
    """All stores' names, page by page."""
    names: list[str] = []
    cursor: str | None = None
    while True:
        where = {"before" if backwards else "after": cursor}
        page: Page = await catalog.list_stores(READER, limit=limit, order=order, **where)  # pyright: ignore
        found = [store.name for store in page.data]
        names = found + names if backwards else names + found
        cursor = page.first_id if backwards else page.last_id
        if not page.has_more:
            return names


async def test_pages_have_no_overlap_and_no_gap(catalog: Catalog) -> None:
    for i in range(11):
        await catalog.create_store(SERVICE, str(i))
    asked = [store.name for store in (await catalog.list_stores(READER, limit=100, order="asc")).data]
    assert sorted(asked, key=int) == [str(i) for i in range(11)]
    for limit in (1, 2, 5, 11, 100):
        assert await walk(catalog, "asc", limit) == asked
        assert await walk(catalog, "desc", limit) == asked[::-1]
    last = (await catalog.list_stores(READER, limit=100, order="asc")).last_id
    before = await catalog.list_stores(READER, limit=3, order="asc", before=last)
    assert [store.name for store in before.data] == asked[-4:-1]
    assert before.has_more


async def test_a_page_continues_after_a_store_that_is_gone(catalog: Catalog) -> None:
    stores = [await catalog.create_store(SERVICE, str(i)) for i in range(4)]
    ids = sorted(store.id for store in stores)
    await catalog.delete_store(SERVICE, ids[1])
    assert [s.id for s in (await catalog.list_stores(READER, order="asc", after=ids[1])).data] == ids[2:]


@pytest.mark.parametrize("limit", [0, 101, -1])
async def test_a_page_has_1_to_100_entries(catalog: Catalog, limit: int) -> None:
    with pytest.raises(InvalidError) as refused:
        await catalog.list_stores(READER, limit=limit)
    assert refused.value.param == "limit"


async def test_store_files_are_listed_in_the_order_of_attaching(shelf: Shelf) -> None:
    store = await shelf.store()
    files = [await shelf.attach(store) for _ in range(5)]
    await shelf.write(store, files[2], [passage("x", NORTH)])
    await shelf.catalog.set_status(SERVICE, store, files[3], "failed", FileError("invalid_file", "It is empty."))

    async def listed(**filters: object) -> list[str]:
        page = await shelf.catalog.list_store_files(READER, store, order="asc", **filters)  # pyright: ignore
        return [file.file_id for file in page.data]

    assert await listed() == files
    assert await listed(after=files[1], limit=2) == files[2:4]
    assert await listed(before=files[1]) == files[:1]
    assert await listed(status="completed") == [files[2]]
    assert await listed(status="failed") == [files[3]]
    with pytest.raises(NotFoundError):
        await listed(after="file-unknown")
    counts = (await shelf.catalog.get_store(READER, store)).file_counts
    assert counts == FileCounts(in_progress=3, completed=1, failed=1)


# -- files and jobs


async def test_attaching_queues_the_job_in_the_same_transaction(shelf: Shelf, database: Database) -> None:
    store = await shelf.store()
    file = await shelf.attach(store)
    (job,) = jobs(database)
    assert (job["queue_name"], job["task_name"], job["status"]) == ("ingest", "ingest_file", "todo")
    assert job["args"] == {"tenant": "harbour", "store_id": store, "file_id": file}
    assert job["lock"] == f"ingest_file/{store}/{file}"


async def test_a_job_is_gone_with_its_transaction(pool: Pool, database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with tenant_transaction(pool, "harbour") as conn:
            await enqueue(conn, "ingest_file", {"n": 1})
            raise RuntimeError
    assert jobs(database) == []


async def test_attaching_again_takes_the_new_settings_and_ingests_again(shelf: Shelf, database: Database) -> None:
    store = await shelf.store()
    file = await shelf.put(store, passage("harbour", NORTH), attributes={"a": 1})
    await shelf.catalog.set_status(SERVICE, store, file, "failed", FileError("server_error", "no"))
    again = await shelf.catalog.attach(SERVICE, store, file, chunking_strategy={"type": "auto"})
    assert (again.status, again.last_error) == ("in_progress", None)
    assert (again.attributes, again.chunking_strategy) == ({"a": 1}, {"type": "auto"})
    assert len(jobs(database)) == 2
    assert await shelf.found(store, "harbour") == ["harbour"], "what was indexed is found until it is replaced"


async def test_a_deleted_file_leaves_every_store_and_queues_the_removal_of_its_bytes(
    shelf: Shelf, database: Database
) -> None:
    first, second = await shelf.store("first"), await shelf.store("second")
    file = await shelf.put(first, passage("harbour", NORTH))
    await shelf.catalog.attach(SERVICE, second, file)
    await shelf.write(second, file, [passage("harbour", NORTH)])
    key = (await shelf.catalog.get_file(READER, file)).object_key
    await shelf.catalog.delete_file(SERVICE, file)
    for store in (first, second):
        assert await shelf.found(store, "harbour", NORTH) == []
        assert (await shelf.catalog.get_store(READER, store)).file_counts.total == 0
    job = jobs(database)[-1]
    assert (job["task_name"], job["args"]) == (
        "delete_file",
        {"tenant": "harbour", "file_id": file, "object_key": key},
    )
    with pytest.raises(NotFoundError):
        await shelf.catalog.get_file(READER, file)


async def test_a_source_has_one_file_for_each_path(catalog: Catalog, database: Database) -> None:
    fields = {"bytes": 1, "sha256": "a", "source": "handbook", "source_path": "a/b.md"}
    file = await catalog.create_file(SERVICE, filename="b.md", object_key="one", **fields)  # pyright: ignore
    with pytest.raises(ConflictError, match=r"'handbook' has a file 'a/b\.md' already"):
        await catalog.create_file(SERVICE, filename="b.md", object_key="two", **fields)  # pyright: ignore
    replaced = await catalog.replace_file(
        SERVICE, file.id, bytes=2, sha256="b", object_key="two", content_type="text/markdown"
    )
    assert (replaced.id, replaced.sha256, replaced.object_key) == (file.id, "b", "two")
    assert await catalog.source_files(SERVICE, "handbook") == {"a/b.md": replaced}
    assert await catalog.source_files(SERVICE, "other") == {}
    assert [job["args"]["object_key"] for job in jobs(database)] == ["one"]  # pyright: ignore


async def test_a_file_of_a_group_is_hidden_from_others(shelf: Shelf) -> None:
    store = await shelf.store()
    file = await shelf.put(store, passage("secret", NORTH), groups=("pilots",))
    member = Scope("harbour", ("pilots",))
    assert (await shelf.catalog.get_file(member, file)).groups == ("pilots",)
    assert (await shelf.catalog.get_store_file(member, store, file)).groups == ("pilots",)
    assert (await shelf.catalog.list_files(READER)).data == []
    assert (await shelf.catalog.list_store_files(READER, store)).data == []
    for attempt in (
        shelf.catalog.get_file(READER, file),
        shelf.catalog.get_store_file(READER, store, file),
        shelf.catalog.delete_file(READER, file),
        shelf.catalog.detach(READER, store, file),
        shelf.catalog.attach(READER, store, file),
    ):
        with pytest.raises(NotFoundError):
            await attempt


async def test_a_cancelled_file_stays_cancelled(shelf: Shelf) -> None:
    store = await shelf.store()
    file = await shelf.attach(store)
    await shelf.catalog.set_status(SERVICE, store, file, "cancelled")
    await shelf.catalog.set_status(SERVICE, store, file, "failed", FileError("server_error", "late"))
    attached = await shelf.catalog.get_store_file(READER, store, file)
    assert (attached.status, attached.last_error) == ("cancelled", None)


async def test_unknown_things_are_named(catalog: Catalog, shelf: Shelf) -> None:
    store = await shelf.store()
    with pytest.raises(NotFoundError, match="No vector store found with id 'vs_none'"):
        await catalog.attach(SERVICE, "vs_none", "file-none")
    with pytest.raises(NotFoundError, match="No file found with id 'file-none'"):
        await catalog.attach(SERVICE, store, "file-none")
    with pytest.raises(NotFoundError, match="No vector store found"):
        await catalog.get_store_file(SERVICE, "vs_none", "file-none")
    with pytest.raises(NotFoundError, match="No vector store file found"):
        await catalog.get_store_file(SERVICE, store, "file-none")
    with pytest.raises(NotFoundError):
        await catalog.delete_store(SERVICE, "vs_none")


# -- batches


async def test_a_batch_attaches_each_file_with_its_own_settings(shelf: Shelf, database: Database) -> None:
    store, other = await shelf.store(), await shelf.store("other")
    files = [await shelf.attach(other) for _ in range(3)]
    batch = await shelf.catalog.create_batch(
        SERVICE, store, [Attachment(file, attributes={"n": i}) for i, file in enumerate(files)]
    )
    assert (batch.status, batch.file_counts) == ("in_progress", FileCounts(in_progress=3))
    await shelf.write(store, files[0], [passage("x", NORTH)])
    listed = await shelf.catalog.list_store_files(READER, store, batch_id=batch.id, order="asc")
    assert {file.file_id: file.attributes for file in listed.data} == {f: {"n": i} for i, f in enumerate(files)}
    cancelled = await shelf.catalog.cancel_batch(SERVICE, store, batch.id)
    assert (cancelled.status, cancelled.file_counts) == ("cancelled", FileCounts(completed=1, cancelled=2))
    assert len(jobs(database)) == 6


async def test_a_batch_is_all_or_nothing(shelf: Shelf, database: Database) -> None:
    store, other = await shelf.store(), await shelf.store("other")
    file = await shelf.attach(other)
    with pytest.raises(NotFoundError, match="file-none"):
        await shelf.catalog.create_batch(SERVICE, store, [Attachment(file), Attachment("file-none")])
    assert (await shelf.catalog.get_store(READER, store)).file_counts.total == 0
    assert len(jobs(database)) == 1
    with pytest.raises(InvalidError, match="named twice"):
        await shelf.catalog.create_batch(SERVICE, store, [Attachment(file), Attachment(file)])
    with pytest.raises(InvalidError):
        await shelf.catalog.create_batch(SERVICE, store, [])
