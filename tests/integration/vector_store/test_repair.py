"""`verify` finds what object storage and index lack or have too much, says what to do, and mends what is safe."""

import hashlib
import os
import time
from pathlib import Path

import psycopg
import pytest

from conftest import Database
from integration.vector_store.shelf import EAST, NORTH, SERVICE, Shelf, passage
from integration.vector_store.test_cli import run
from vector_store.jobs import INGEST_FILE
from vector_store.objects import Objects

CONTENT = b"the harbour"


async def stored(shelf: Shelf, objects: Objects, name: str, content: bytes = CONTENT) -> str:
    """A file whose bytes are what the catalog says."""
    key = f"harbour/{name}"
    await objects.put(key, content)
    file = await shelf.catalog.create_file(
        SERVICE,
        filename=name,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        object_key=key,
    )
    return file.id


def age(folder: Path, key: str) -> None:
    """Make an object two hours old."""
    os.utime(folder / key, (time.time() - 7200,) * 2)


async def test_bytes_are_compared_with_the_catalog(shelf: Shelf, database: Database, tmp_path: Path) -> None:
    objects = Objects(tmp_path.as_uri())
    missing, short, other = [await stored(shelf, objects, name) for name in ("missing", "short", "other")]
    await stored(shelf, objects, "good")
    assert run(database, "verify", "--deep", "--objects", tmp_path.as_uri()).returncode == 0

    (tmp_path / "harbour/missing").unlink()
    (tmp_path / "harbour/short").write_bytes(CONTENT[:3])
    (tmp_path / "harbour/other").write_bytes(CONTENT[::-1])
    shallow = run(database, "verify", "--objects", tmp_path.as_uri())
    assert shallow.returncode == 1
    assert f"bytes stored of file {missing}: expected 11, found 0; they are missing" in shallow.stdout
    assert f"bytes stored of file {short}: expected 11, found 3; delete the file and upload it again" in shallow.stdout
    assert other not in shallow.stdout
    deep = run(database, "verify", "--deep", "--objects", tmp_path.as_uri())
    assert f"files with another content than was uploaded: {other}" in deep.stdout
    assert run(database, "verify", "--deep").stderr.startswith("--deep reads the files' bytes")


async def test_bytes_that_no_file_owns_are_found_and_removed(shelf: Shelf, database: Database, tmp_path: Path) -> None:
    objects = Objects(tmp_path.as_uri())
    await stored(shelf, objects, "owned")
    going = await stored(shelf, objects, "going")
    await shelf.catalog.delete_file(SERVICE, going)
    await objects.put("harbour/lost", b"of an upload that was killed")
    await objects.put("harbour/now", b"of an upload that is under way")
    for key in ("owned", "going", "lost"):
        age(tmp_path, f"harbour/{key}")

    found = run(database, "verify", "--repair", "--objects", tmp_path.as_uri())
    assert found.returncode == 1
    assert found.stdout.splitlines() == [
        "store -: bytes that no file owns under harbour/lost: expected 0, found 28; `verify --repair` removes them",
        "mended: 1 objects that no file owns were removed",
    ]
    assert sorted(path.name for path in (tmp_path / "harbour").iterdir()) == ["going", "now", "owned"]
    assert run(database, "verify", "--objects", tmp_path.as_uri()).returncode == 0


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE term_counts SET chunks = chunks + 1 WHERE term = 'quay'",
        "DELETE FROM term_counts",
        "UPDATE store_counts SET length = length + 1",
        "INSERT INTO term_counts VALUES (1, 'ghost', 'harbour', 3)",
    ],
)
async def test_word_counts_are_made_anew(shelf: Shelf, database: Database, tampering: str) -> None:
    store = await shelf.store()
    await shelf.put(store, passage("harbour quay", NORTH), passage("quay", EAST))
    before = (await shelf.search(store, "quay")).snapshot
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        conn.execute(tampering.encode())
    assert "mended" in run(database, "verify", "--repair").stdout
    assert run(database, "verify").returncode == 0
    assert await shelf.found(store, "quay") == ["quay", "harbour quay"]
    assert (await shelf.search(store, "quay")).snapshot != before


@pytest.mark.parametrize(
    "tampering",
    [
        "DELETE FROM vectors_1 WHERE chunk_no = 1",
        "DELETE FROM chunks WHERE no = 1",
        "UPDATE chunks SET text = 'another text' WHERE no = 1",
        "DELETE FROM chunk_terms WHERE chunk_no = 1",
        "UPDATE store_files SET chunk_count = 7 WHERE no = 1",
    ],
)
async def test_a_file_whose_index_is_broken_is_indexed_again(shelf: Shelf, database: Database, tampering: str) -> None:
    store = await shelf.store()
    broken = await shelf.put(store, passage("harbour quay", NORTH), passage("quay", EAST))
    whole = await shelf.put(store, passage("berth", NORTH))
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        conn.execute("DELETE FROM procrastinate_jobs")
        conn.execute(tampering.encode())
    said = run(database, "verify", "--repair").stdout
    assert f"mended: store {store}: 1 files are queued to be indexed again" in said
    with psycopg.connect(database.owner_url) as conn:
        jobs = conn.execute("SELECT task_name, args ->> 'file_id' FROM procrastinate_jobs").fetchall()
    assert jobs == [(INGEST_FILE, broken)]
    assert (await shelf.catalog.get_store_file(SERVICE, store, broken)).status == "in_progress"

    await shelf.write(store, broken, [passage("harbour quay", NORTH), passage("quay", EAST)])
    assert run(database, "verify").returncode == 0
    assert (await shelf.catalog.get_store_file(SERVICE, store, whole)).status == "completed"


async def test_a_tenants_usage_is_counted_anew(shelf: Shelf, database: Database) -> None:
    await shelf.attach(await shelf.store())
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        conn.execute("UPDATE tenant_usage SET documents = 5, bytes = 0")
    said = run(database, "verify", "--repair").stdout
    assert "documents noted of tenant harbour: expected 1, found 5" in said
    assert "bytes noted of tenant harbour: expected 1, found 0" in said
    assert run(database, "verify").returncode == 0
