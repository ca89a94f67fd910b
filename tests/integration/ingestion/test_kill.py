"""`kill -9` at any moment: what was acknowledged is neither lost nor doubled, and nothing stays stuck."""

import asyncio
import random

import pytest

from conftest import free_port
from integration.ingestion.worker_process import SCOPE, Bench

FILES = 12
PARAGRAPH = "Mooring line number {0} leads from bollard {0} to cleat {0} and is checked at every tide. "


def documents() -> dict[str, str]:
    """Files of several passages each, no two alike."""
    return {f"line-{n}.txt": "\n\n".join(PARAGRAPH.format(f"{n}.{p}") * 6 for p in range(4)) for n in range(FILES)}


async def assert_exactly_once(bench: Bench, expected: dict[str, str]) -> None:
    """Every document is there once, with all of its text, and the index agrees with the catalog."""
    await bench.settled_as(dict.fromkeys(expected, "completed"))
    for name, text in expected.items():
        assert await _indexed(bench, name) == " ".join(text.split()), name
    await bench.verify()


@pytest.mark.parametrize("seed", [1])
async def test_a_worker_killed_at_random_moments_loses_and_doubles_nothing(bench: Bench, seed: int) -> None:
    moments = random.Random(seed)
    expected = documents()
    bench.write(expected)
    changed = ""
    for _ in range(3):
        worker = await bench.start()
        goal = bench.embedded() + moments.randrange(1, 20)
        await bench.until(lambda goal=goal: _embedded(bench, goal))
        await asyncio.sleep(moments.random() * 0.05)
        bench.kill(worker)
        changed = f"line-{moments.randrange(FILES)}.txt"
        expected[changed] = expected[changed].replace("tide", "watch") + "A late remark."
        bench.write({changed: expected[changed]})
    await bench.start()
    # What was completed before the last change counts for nothing: the worker has to have seen that change.
    await bench.until(lambda: _holds(bench, changed, expected[changed]))
    await assert_exactly_once(bench, expected)


async def test_a_job_of_a_killed_worker_is_taken_over_by_another(bench: Bench) -> None:
    bench.models.hold["/embeddings"] = asyncio.Event()
    bench.write({"ropes.txt": "Nylon stretches."})
    first = await bench.start()
    await bench.until(lambda: _asked(bench, 1))
    bench.kill(first)
    bench.models.hold["/embeddings"].set()
    await bench.start()
    await bench.settled(ropes_txt="completed")
    assert await bench.metric("fairlead_ingest_rescued_jobs_total") >= 1


async def test_two_workers_share_the_queue(bench: Bench) -> None:
    expected = documents()
    bench.configure(source=False)
    store = await bench.catalog.ensure_store(SCOPE, "default")
    first, first_port = await bench.start(), bench.port
    bench.port = free_port()
    await bench.start()
    await asyncio.gather(*(attach(bench, store.id, name, text) for name, text in expected.items()))
    await assert_exactly_once(bench, expected)
    assert first.poll() is None and first_port != bench.port
    assert bench.embedded() == (await bench.chunks.count(SCOPE, store.id)).vectors


async def test_a_worker_told_to_stop_ends_its_files_first(bench: Bench) -> None:
    bench.models.hold["/embeddings"] = asyncio.Event()
    bench.write({"ropes.txt": "Nylon stretches."})
    worker = await bench.start()
    await bench.until(lambda: _asked(bench, 1))
    stopping = asyncio.create_task(bench.stop(worker))
    await bench.until(lambda: _unready(bench))
    bench.models.hold["/embeddings"].set()
    assert await stopping == 0
    await bench.settled(ropes_txt="completed")


async def test_a_file_that_cannot_end_in_time_goes_back_to_the_queue(bench: Bench) -> None:
    bench.models.hold["/embeddings"] = asyncio.Event()
    bench.write({"ropes.txt": "Nylon stretches."})
    bench.drain_s = 1
    worker = await bench.start()
    await bench.until(lambda: _asked(bench, 1))
    assert await bench.stop(worker) == 0
    assert (await bench.files())["ropes.txt"].status == "in_progress"
    del bench.models.hold["/embeddings"]
    await bench.start()
    await bench.settled(ropes_txt="completed")


async def attach(bench: Bench, store_id: str, name: str, text: str) -> None:
    """As an upload does."""
    await bench.objects.put(f"default/{name}", text.encode())
    file = await bench.catalog.create_file(
        SCOPE, filename=name, bytes=len(text), sha256=name, object_key=f"default/{name}"
    )
    await bench.catalog.attach(SCOPE, store_id, file.id)


async def _indexed(bench: Bench, name: str) -> str:
    return " ".join(" ".join(await bench.texts(name)).split())


async def _holds(bench: Bench, name: str, text: str) -> bool:
    return await _indexed(bench, name) == " ".join(text.split())


async def _embedded(bench: Bench, count: int) -> bool:
    files = await bench.files()
    all_done = len(files) == FILES and all(file.status == "completed" for file in files.values())
    return all_done or bench.embedded() >= count


async def _asked(bench: Bench, count: int) -> bool:
    return len(bench.models.bodies("/embeddings")) >= count


async def _unready(bench: Bench) -> bool:
    return not await bench.answers("/readyz")
