"""`erased` proves that nothing is left of a deleted file, and says what is as long as something is."""

from pathlib import Path

import psycopg
import pytest

from conftest import Database
from integration.vector_store.shelf import NORTH, Shelf, passage
from integration.vector_store.test_cli import run
from vector_store.jobs import DELETE_FILE
from vector_store.objects import Objects


@pytest.fixture
async def deleted(shelf: Shelf, database: Database, tmp_path: Path) -> str:
    """A file with bytes and passages in two stores, deleted; the worker that removes its bytes has not come yet."""
    file = await shelf.put(await shelf.store("one"), passage("harbour quay", NORTH), name="a")
    other = await shelf.store("two")
    await shelf.catalog.attach(shelf.scope, other, file)
    await shelf.write(other, file, [passage("harbour quay", NORTH)])
    await shelf.put(other, passage("harbour stays", NORTH), name="b")
    await Objects(tmp_path.as_uri()).put("test/a", b"x")
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        conn.execute("DELETE FROM procrastinate_jobs")  # the ingestion of both is done
    await shelf.catalog.delete_file(shelf.scope, file)
    return file


async def worker_removes_bytes(database: Database, tmp_path: Path) -> None:
    """What the job does."""
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        row = conn.execute(
            "DELETE FROM procrastinate_jobs WHERE task_name = %s RETURNING args ->> 'object_key'", (DELETE_FILE,)
        ).fetchone()
    assert row is not None
    await Objects(tmp_path.as_uri()).delete(row[0])


async def test_it_is_gone_when_its_bytes_are(database: Database, deleted: str, tmp_path: Path) -> None:
    before = run(database, "erased", deleted, "--objects", tmp_path.as_uri())
    assert before.returncode == 1
    assert before.stdout.splitlines() == [
        "still there: jobs that are still to remove its bytes or to index it: 1",
        "still there: objects with its bytes: 1",
    ]
    await worker_removes_bytes(database, tmp_path)
    after = run(database, "erased", deleted, FAIRLEAD_OBJECTS_URL=tmp_path.as_uri())
    assert (after.returncode, after.stderr) == (0, "")
    assert after.stdout.startswith(f"Nothing is left of {deleted}")


@pytest.mark.parametrize(
    ("tampering", "where"),
    [
        (
            "INSERT INTO files (id, tenant, filename, purpose, bytes, sha256, content_type, object_key)"
            " VALUES (%(id)s, 'harbour', 'a', 'assistants', 1, '', '', 'x')",
            "rows in files: 1",
        ),
        ("UPDATE deleted_files SET store_file_nos = ARRAY(SELECT no FROM store_files)", "rows in chunks: 1"),
        ("UPDATE deleted_files SET store_file_nos = ARRAY(SELECT no FROM store_files)", "rows in chunk_terms: 1"),
        ("UPDATE deleted_files SET store_file_nos = ARRAY(SELECT no FROM store_files)", "rows in vectors_1: 1"),
        ("UPDATE term_counts SET chunks = chunks + 1 WHERE term = 'harbour'", "words still counted: 1"),
    ],
)
async def test_whatever_is_left_is_named(
    database: Database, deleted: str, tmp_path: Path, tampering: str, where: str
) -> None:
    await worker_removes_bytes(database, tmp_path)
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        conn.execute(tampering.encode(), {"id": deleted} if "%(id)s" in tampering else None)
    found = run(database, "erased", deleted, "--objects", tmp_path.as_uri())
    assert found.returncode == 1
    assert f"still there: {where}" in found.stdout.splitlines()


async def test_a_file_that_was_not_deleted_is_not_erased(shelf: Shelf, database: Database, tmp_path: Path) -> None:
    file = await shelf.put(await shelf.store(), passage("harbour", NORTH))
    found = run(database, "erased", file, "--objects", tmp_path.as_uri())
    assert found.returncode == 1
    assert "still there: rows in files: 1" in found.stdout


def test_an_id_that_never_was_proves_nothing(database: Database, tmp_path: Path) -> None:
    found = run(database, "erased", "file-never", "--objects", tmp_path.as_uri())
    assert found.returncode == 2
    assert "nothing to prove" in found.stderr
