"""A store gets an index of another model while it serves: built in shadow, compared, switched to at once."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from fakes.pool import MODEL, vector
from integration.ingestion.worker_process import SCOPE, Bench
from vector_store.models import EmbeddingSpace, SearchRequest

DIMENSION = 128
SECOND = EmbeddingSpace("second", "1", DIMENSION)
FIRST = EmbeddingSpace(MODEL, "1", 384)
LONG = "# Rigging\n\n" + "The bowline holds the mast while the anchor keeps the ship in the tide. " * 120


@pytest.fixture
async def serving(bench: Bench) -> Bench:
    """A worker and an indexed store; a second model can be had."""
    bench.models.dimensions["second"] = DIMENSION
    # A smaller window than the passages: they are cut otherwise than for the first model.
    bench.configure(embedding={"others": [{"model": "second", "window": 64}]})
    bench.write({f"{word}.txt": f"The {word} lies in the harbour.\n" for word in ("anchor", "bowline", "compass")})
    bench.write({"rigging.md": LONG})
    await bench.start()
    await bench.settled(
        anchor_txt="completed", bowline_txt="completed", compass_txt="completed", rigging_md="completed"
    )
    return bench


def start(bench: Bench, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "ingestion", "reindex", "default", *words]
    return subprocess.Popen(
        command, env=bench.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


async def reindex(bench: Bench, *words: str, expected: int = 0) -> str:
    process = start(bench, *words)
    said, _ = await asyncio.to_thread(process.communicate, timeout=120)
    assert process.returncode == expected, said
    return said


async def space(bench: Bench) -> EmbeddingSpace | None:
    store = await bench.store()
    assert store is not None
    return store.space


async def nearest(bench: Bench, text: str, of: EmbeddingSpace) -> str:
    """The name of the file whose vector in that space is nearest; words do not help."""
    store = await bench.store()
    assert store is not None
    request = SearchRequest((store.id,), "", vector(text, of.dimension), of, top_k=1)
    return (await bench.chunks.search(SCOPE, request)).hits[0].filename


def rows(bench: Bench, query: str) -> list[Any]:
    with psycopg.connect(bench.database.owner_url) as conn:
        return conn.execute(query.encode()).fetchall()


async def test_a_store_is_switched_to_another_model_while_it_serves(serving: Bench, tmp_path: Path) -> None:
    labelled = tmp_path / "labelled.jsonl"
    lines = [{"query": f"the {word}", "relevant": [f"{word}.txt"]} for word in ("anchor", "bowline", "compass")]
    labelled.write_text("\n".join(json.dumps(line) for line in lines))
    said = await reindex(serving, "--model", "second", "--evaluate", str(labelled))
    assert "4 of 4 files" in said and "3 questions" in said
    assert all(any(str(of) in line and "1.0000" in line for line in said.splitlines()) for of in (FIRST, SECOND)), said

    assert await space(serving) == FIRST
    assert await nearest(serving, "The anchor lies in the harbour.", FIRST) == "anchor.txt"
    await serving.verify()

    # What comes, changes and goes in between.
    serving.write({"dory.txt": "The dory lies on the beach.\n", "anchor.txt": "The anchor was lost at sea.\n"})
    (serving.folder / "compass.txt").unlink()
    await serving.settled(anchor_txt="completed", bowline_txt="completed", dory_txt="completed", rigging_md="completed")
    await serving.until(lambda: _found(serving, "lost sea", "anchor.txt"))
    await serving.verify()

    said = await reindex(serving, "--model", "second", "--switch")
    assert "The store serves from second" in said
    assert await space(serving) == SECOND
    for text, name in (("The anchor was lost at sea.", "anchor.txt"), ("The dory lies on the beach.", "dory.txt")):
        assert await nearest(serving, text, SECOND) == name
    assert rows(serving, "SELECT count(*) FROM vectors_1") == [(0,)]
    assert rows(serving, "SELECT count(*) FROM shadow_files") == [(0,)]
    await serving.verify()

    # The worker goes on in the store's new space, and makes nothing anew that is up to date.
    before = serving.embedded()
    made = rows(serving, 'SELECT store_file_no, embedding::text FROM vectors_2 ORDER BY chunk_no, "window"')
    store, files = await serving.store(), await serving.files()
    assert store is not None
    for file in files.values():
        await serving.catalog.attach(SCOPE, store.id, file.file_id)
    await serving.settled_as(dict.fromkeys(files, "completed"))
    assert serving.embedded() == before
    with psycopg.connect(serving.database.owner_url, autocommit=True) as conn:
        conn.execute("UPDATE store_files SET fingerprint = 'none'")
    for file in files.values():
        await serving.catalog.attach(SCOPE, store.id, file.file_id)
    await serving.settled_as(dict.fromkeys(files, "completed"))
    assert serving.embedded() > before
    again = rows(serving, 'SELECT store_file_no, embedding::text FROM vectors_2 ORDER BY chunk_no, "window"')
    assert sorted(again) == sorted(made), "built in shadow or by the worker, it is the same index"
    await serving.verify()


async def _found(bench: Bench, words: str, name: str) -> bool:
    return (await bench.found(words))[:1] == [name]


async def test_a_build_that_is_killed_goes_on_where_it_was(serving: Bench) -> None:
    serving.models.requests.clear()
    gate = serving.models.hold["/embeddings"] = asyncio.Event()
    gate.set()
    process = start(serving, "--model", "second")

    async def half_done() -> bool:
        done = rows(serving, "SELECT count(*) FROM shadow_files")[0][0]
        if done:
            gate.clear()
        return done > 0

    await serving.until(half_done)
    os.kill(process.pid, signal.SIGKILL)
    await asyncio.to_thread(process.communicate)
    gate.set()
    done = rows(
        serving,
        "SELECT split_part(f.filename, '.', 1) FROM shadow_files AS d JOIN store_files AS s ON s.no = d.store_file_no"
        " JOIN files AS f ON f.no = s.file_no",
    )
    assert await space(serving) == FIRST
    assert await nearest(serving, "The bowline lies in the harbour.", FIRST) == "bowline.txt"
    await serving.verify()

    serving.models.requests.clear()
    await reindex(serving, "--model", "second", "--switch")
    embedded = [text for body in serving.models.bodies("/embeddings") for text in body["input"] if text != "dimension"]
    assert done
    for (word,) in done:
        assert not any(f"The {word} lies" in text for text in embedded), "what was done is not done again"
    assert await space(serving) == SECOND
    await serving.verify()


async def test_a_shadow_is_dropped_without_a_trace(serving: Bench) -> None:
    await reindex(serving, "--model", "second")
    assert rows(serving, "SELECT count(*) > 4 FROM vectors_2") == [(True,)]
    said = await reindex(serving, "--abort")
    assert said.startswith("The shadow index is dropped")
    assert rows(serving, "SELECT (SELECT count(*) FROM vectors_2), (SELECT count(*) FROM shadow_indexes)") == [(0, 0)]
    assert await space(serving) == FIRST
    await serving.verify()
    assert await reindex(serving, "--abort") == "There was no shadow index.\n"


async def test_what_cannot_be_is_refused_in_one_sentence(serving: Bench, tmp_path: Path) -> None:
    assert "is not configured: name it under `embedding.others`" in await reindex(
        serving, "--model", "third", expected=1
    )
    assert "is in the space" in await reindex(serving, "--model", MODEL, expected=1)
    assert "Say which model" in await reindex(serving, expected=1)
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"query": "x", "relevant": ["a"]}\n{"question": "?"}\n')
    assert f"{bad}, line 2: not of the form" in await reindex(
        serving, "--model", "second", "--evaluate", str(bad), expected=1
    )
    serving.configure(embedding={"others": [{"model": "second"}, {"model": "second", "version": "2"}]})
    await reindex(serving, "--model", "second")
    assert "has been begun: finish that, or drop it" in await reindex(
        serving, "--model", "second", "--version", "2", expected=1
    )
    serving.models.fail["/embeddings"] = 400
    assert "The model does not embed" in await reindex(serving, "--model", "second", expected=1)
