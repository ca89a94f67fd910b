"""The worker end to end: what is in the folder is what can be found, whatever happens in between."""

import asyncio

from integration.ingestion.worker_process import SCOPE, Bench
from vector_store.models import StoreFile

ROPES = "Ropes\n=====\n\nNylon stretches and absorbs shock; polyester holds its length.\n"
KNOTS = "# Knots\n\nThe bowline makes a fixed loop. It can be untied after heavy load.\n"


async def test_documents_in_a_folder_can_be_found(working: Bench) -> None:
    working.write({"ropes.txt": ROPES, "sub/knots.md": KNOTS})
    await working.settled_as({"ropes.txt": "completed", "sub/knots.md": "completed"})
    assert await working.texts("ropes.txt") == ["Nylon stretches and absorbs shock; polyester holds its length."]
    assert (await working.found("bowline loop"))[0] == "sub/knots.md"
    await working.verify()


async def test_the_same_folder_again_embeds_nothing(bench: Bench) -> None:
    bench.write({"ropes.txt": ROPES, "knots.md": KNOTS})
    worker = await bench.start()
    await bench.settled(ropes_txt="completed", knots_md="completed")
    before = bench.embedded()
    assert await bench.stop(worker) == 0
    (bench.folder / "ropes.txt").touch()
    await bench.start()
    await bench.until(lambda: _synced(bench))
    assert bench.embedded() == before
    (source,) = (await bench.get("/v1/sources"))["data"]
    assert source["counts"] | {"found": 2, "unchanged": 2, "new": 0, "changed": 0} == source["counts"]


async def test_a_changed_file_keeps_its_id_and_replaces_its_passages(working: Bench) -> None:
    working.write({"ropes.txt": ROPES})
    await working.settled(ropes_txt="completed")
    before = (await working.files())["ropes.txt"]
    working.write({"ropes.txt": ROPES.replace("Nylon", "Hemp")})
    await working.until(lambda: _has(working, "ropes.txt", "Hemp"))
    after = (await working.files())["ropes.txt"]
    assert after.file_id == before.file_id
    assert not any("Nylon" in text for text in await working.texts("ropes.txt"))
    await working.verify()


async def test_a_file_is_found_by_its_old_passages_until_the_new_ones_are_there(working: Bench) -> None:
    working.write({"ropes.txt": ROPES})
    await working.settled(ropes_txt="completed")
    working.models.hold["/embeddings"] = asyncio.Event()
    working.write({"ropes.txt": ROPES.replace("Nylon", "Hemp")})
    await working.settled(ropes_txt="in_progress")
    assert "Nylon" in (await working.texts("ropes.txt"))[0]
    working.models.hold["/embeddings"].set()
    await working.until(lambda: _has(working, "ropes.txt", "Hemp"))


async def test_a_deleted_file_is_not_found_any_more_and_its_bytes_are_gone(bench: Bench) -> None:
    bench.write({"ropes.txt": ROPES, "knots.md": KNOTS})
    await bench.start()
    await bench.settled(ropes_txt="completed", knots_md="completed")
    (bench.folder / "knots.md").unlink()
    await bench.settled(ropes_txt="completed")
    assert "knots.md" not in await bench.found("bowline loop")
    await bench.until(lambda: _objects(bench, 1))
    await bench.verify()


async def test_a_source_taken_out_of_the_configuration_takes_its_documents_along(working: Bench) -> None:
    working.write({"ropes.txt": ROPES})
    await working.settled(ropes_txt="completed")
    working.configure(source=False)
    await working.settled()


async def test_a_folder_that_is_away_deletes_nothing(working: Bench) -> None:
    working.write({"ropes.txt": ROPES})
    await working.settled(ropes_txt="completed")
    working.folder.rename(working.work / "elsewhere")
    await working.until(lambda: _source_state(working, "failed"))
    (source,) = (await working.get("/v1/sources"))["data"]
    assert "does not exist" in source["error"]
    assert list(await working.files()) == ["ropes.txt"]
    (working.work / "elsewhere").rename(working.folder)
    await working.until(lambda: _source_state(working, "ok"))
    assert list(await working.files()) == ["ropes.txt"]


async def test_an_uploaded_file_is_indexed_with_the_chunking_it_asked_for(working: Bench) -> None:
    working.configure(source=False)
    text = " ".join(f"Sentence number {number} speaks of ropes and of nothing else." for number in range(200))
    file = await _uploaded(working, "long.txt", text.encode(), 120)
    await working.settled(long_txt="completed")
    chunks = await working.chunks.read(SCOPE, file.store_id, file.file_id)
    assert max(chunk.tokens for chunk in chunks) <= 120
    assert len(chunks) > 15


async def test_a_pool_that_is_down_is_waited_for(working: Bench) -> None:
    working.models.fail["/embeddings"] = 503
    working.write({"ropes.txt": ROPES})
    await working.until(lambda: _requests(working, 2))
    assert (await working.files())["ropes.txt"].status == "in_progress"
    del working.models.fail["/embeddings"]
    await working.settled(ropes_txt="completed")


async def test_a_text_that_the_model_refuses_fails_alone(working: Bench) -> None:
    working.models.fail["/embeddings"] = 400
    working.write({"ropes.txt": ROPES})
    await working.settled(ropes_txt="failed")
    error = (await working.files())["ropes.txt"].last_error
    assert error is not None and error.code == "invalid_file"
    assert "refused" in error.message


async def test_the_worker_says_when_its_configuration_is_refused_and_goes_on(working: Bench) -> None:
    await working.until(lambda: _synced(working))
    working.configure(chunking={"size": 100, "overlap": 80})
    await working.until(lambda: _refused(working))
    working.write({"ropes.txt": ROPES})
    await working.settled(ropes_txt="completed")


async def _synced(bench: Bench) -> bool:
    return await _source_state(bench, "ok")


async def _source_state(bench: Bench, state: str) -> bool:
    sources = (await bench.get("/v1/sources"))["data"]
    return [(source["store"], source["state"]) for source in sources] == [(bench.store_name, state)]


async def _has(bench: Bench, name: str, word: str) -> bool:
    return any(word in text for text in await bench.texts(name))


async def _objects(bench: Bench, count: int) -> bool:
    return sum(path.is_file() for path in (bench.work / "objects").rglob("*")) == count


async def _requests(bench: Bench, count: int) -> bool:
    return len(bench.models.bodies("/embeddings")) >= count


async def _refused(bench: Bench) -> bool:
    error = (await bench.get("/v1/config"))["last_error"]
    return error is not None and "overlap" in error["reason"]


async def _uploaded(bench: Bench, name: str, data: bytes, size: int) -> StoreFile:
    store = await bench.catalog.ensure_store(SCOPE, bench.store_name)
    await bench.objects.put(f"default/{name}", data)
    file = await bench.catalog.create_file(
        SCOPE, filename=name, bytes=len(data), sha256="0" * 64, object_key=f"default/{name}"
    )
    strategy = {"type": "static", "static": {"max_chunk_size_tokens": size, "chunk_overlap_tokens": 0}}
    return await bench.catalog.attach(SCOPE, store.id, file.id, chunking_strategy=strategy)
