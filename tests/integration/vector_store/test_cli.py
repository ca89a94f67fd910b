"""`python -m vector_store` as an operator types it."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg

from conftest import Database
from integration.vector_store.shelf import NORTH, Shelf, passage
from vector_store.objects import Objects


def run(database: Database | None, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    if database is not None:
        environment["FAIRLEAD_DATABASE_OWNER_URL"] = database.owner_url
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
    return subprocess.run(
        [sys.executable, "-m", "vector_store", *arguments],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_migrate_says_what_it_did(empty_database: Database) -> None:
    first = run(empty_database, "migrate")
    assert (first.returncode, first.stderr) == (0, "")
    assert "applied 0001_catalog" in first.stdout
    assert run(empty_database, "migrate").stdout == "The schema was up to date.\n"


def test_what_is_missing_is_one_sentence() -> None:
    without_url = run(None, "migrate")
    assert without_url.returncode == 1
    assert "FAIRLEAD_DATABASE_OWNER_URL is not set" in without_url.stderr
    unreachable = run(None, "stats", "--url", "postgresql://nobody@127.0.0.1:1/nothing")
    assert unreachable.returncode == 1
    assert "cannot be reached" in unreachable.stderr
    assert "Traceback" not in without_url.stderr + unreachable.stderr


def test_an_operation_as_another_role_is_refused(database: Database) -> None:
    """It would see no rows and find everything in order."""
    found = run(None, "verify", "--url", database.app_url)
    assert found.returncode == 1
    assert "run as fairlead_owner" in found.stderr


def test_a_bad_url_is_not_repeated() -> None:
    found = run(None, "migrate", "--url", "postgresql:/owner:secret@host/database")
    assert (found.returncode, found.stdout) == (1, "")
    assert "no URL of a database" in found.stderr and "secret" not in found.stderr


def test_a_database_without_schema_is_said_so(empty_database: Database) -> None:
    found = run(empty_database, "verify")
    assert (found.returncode, found.stderr) == (
        1,
        "The database has no schema yet: run `python -m vector_store migrate`.\n",
    )


def test_two_migrates_at_once_take_turns(empty_database: Database) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FAIRLEAD_")}
    command = [sys.executable, "-m", "vector_store", "migrate", "--url", empty_database.owner_url]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted((process.communicate(timeout=60)[0], process.returncode) for process in both)
    assert said[0] == ("The schema was up to date.\n", 0)
    assert said[1][1] == 0 and said[1][0].endswith("The schema is up to date.\n")


async def test_verify_finds_what_is_wrong_and_fails(shelf: Shelf, database: Database, tmp_path: Path) -> None:
    objects = Objects(tmp_path.as_uri())
    store = await shelf.store()
    file = await shelf.put(store, passage("harbour", NORTH), name="a")
    await objects.put((await shelf.catalog.get_file(shelf.scope, file)).object_key, b"x")
    good = run(database, "verify", "--objects", tmp_path.as_uri())
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.endswith("agree, and every file has its bytes.\n")

    await shelf.put(store, passage("quay", NORTH), name="never stored")
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        conn.execute("DELETE FROM vectors_1 WHERE chunk_no = (SELECT min(no) FROM chunks)")
    bad = run(database, "verify", FAIRLEAD_OBJECTS_URL=tmp_path.as_uri())
    assert bad.returncode == 1
    assert f"store {store}: files with another number of vectors than noted: expected 0, found 1" in bad.stdout
    assert "bytes stored of file" in bad.stdout


async def test_stats_shows_stores_and_tables(shelf: Shelf, database: Database) -> None:
    store = await shelf.store("Handbook")
    await shelf.put(store, passage("harbour quay", NORTH))
    shown = run(database, "stats")
    assert shown.returncode == 0, shown.stderr
    line = next(line for line in shown.stdout.splitlines() if store in line)
    assert [cell.strip() for cell in line.split("│")[1:-1]] == [
        "harbour", "Handbook", store, "compass", "1", "0", "1", "1", "2", "20 B",
    ]  # fmt: skip
    assert "compass (4 dimensions)" in shown.stdout
