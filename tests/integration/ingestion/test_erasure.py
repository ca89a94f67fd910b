"""A deleted document is gone everywhere, whoever is killed or away meanwhile, and a command proves it."""

import asyncio
import os
import subprocess
import sys

import psycopg

from integration.ingestion.worker_process import SCOPE, Bench

LETTER = "# A letter\n\nThe bowline of the lighthouse keeper is a secret that must be forgotten.\n"
OTHER = "# Another\n\nThe anchor chain of the harbour stays.\n"


def prove(bench: Bench, file_id: str, wait_s: int = 0) -> subprocess.CompletedProcess[str]:
    """`python -m vector_store erased` as an operator types it."""
    environment = os.environ | {
        "FAIRLEAD_DATABASE_OWNER_URL": bench.database.owner_url,
        "FAIRLEAD_OBJECTS_URL": (bench.work / "objects").as_uri(),
    }
    command = [sys.executable, "-m", "vector_store", "erased", file_id, "--wait", str(wait_s)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


async def indexed(bench: Bench) -> str:
    """The id of a letter that the worker has indexed, beside another document."""
    bench.write({"letter.md": LETTER, "other.md": OTHER})
    await bench.settled(letter_md="completed", other_md="completed")
    assert await bench.found("bowline lighthouse") == ["letter.md"]
    return (await bench.files())["letter.md"].file_id


async def test_a_document_that_left_its_folder_is_gone_everywhere(bench: Bench) -> None:
    await bench.start()
    file_id = await indexed(bench)
    before = prove(bench, file_id)
    assert before.returncode == 1, "it is there until it is deleted"
    assert {"still there: rows in files: 1", "still there: objects with its bytes: 1"} <= set(
        before.stdout.splitlines()
    )
    (bench.folder / "letter.md").unlink()
    await bench.settled(other_md="completed")
    proof = await asyncio.to_thread(prove, bench, file_id, 60)
    assert proof.returncode == 0, proof.stdout
    assert await bench.found("bowline lighthouse") == []
    assert await bench.found("anchor chain") == ["other.md"]
    left = [path for path in (bench.work / "objects").rglob("*") if path.is_file()]
    assert [path.read_text() for path in left] == [OTHER]
    with psycopg.connect(bench.database.owner_url) as conn:
        told = conn.execute("SELECT action FROM audit_log WHERE file_id = %s ORDER BY no", (file_id,)).fetchall()
    assert [action for (action,) in told] == ["file.upload", "store_file.attach", "file.delete"]


async def test_the_bytes_go_although_the_worker_was_killed_and_the_object_store_away(bench: Bench) -> None:
    worker = await bench.start()
    file_id = await indexed(bench)
    objects, away = bench.work / "objects", bench.work / "objects-away"
    objects.rename(away)
    objects.write_text("no folder: whoever wants something here fails")
    await bench.catalog.delete_file(SCOPE, file_id)

    await bench.until(lambda: _tried(bench))
    bench.kill(worker)
    objects.unlink()
    away.rename(objects)
    assert "objects with its bytes: 1" in prove(bench, file_id).stdout
    bench.configure(source=False)
    await bench.start()
    proof = await asyncio.to_thread(prove, bench, file_id, 60)
    assert proof.returncode == 0, f"{proof.stdout}\n{bench.log()}"


async def _tried(bench: Bench) -> bool:
    with psycopg.connect(bench.database.owner_url) as conn:
        row = conn.execute("SELECT attempts FROM procrastinate_jobs WHERE task_name = 'delete_file'").fetchone()
    return row is not None and row[0] > 0
