"""The stock `openai` client does all it knows about stores, files, search and answers, with nothing but a URL."""

import asyncio
import io

import pytest
from openai import APIStatusError, BadRequestError, NotFoundError

from integration.orchestrator.conftest import HARBOUR, Platform
from integration.orchestrator.test_chat import QUESTION


async def test_create_a_store_upload_and_poll_a_file_search_it_and_ask(platform: Platform) -> None:
    client = platform.openai
    store = await client.vector_stores.create(name="default", metadata={"team": "harbour"})
    assert (store.name, store.metadata, store.file_counts.total) == ("default", {"team": "harbour"}, 0)

    upload = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("lighthouse.txt", HARBOUR[1].encode()), attributes={"year": 1874}
    )
    attached, _ = await asyncio.gather(upload, platform.index_next(store.id))
    assert attached.status == "completed"
    assert attached.last_error is None
    assert attached.attributes == {"year": 1874}

    found = await client.vector_stores.search(store.id, query="lighthouse built")
    assert found.data[0].file_id == attached.id
    assert found.data[0].content[0].text == HARBOUR[1]
    assert 0 < found.data[0].score <= 1

    answer = await client.chat.completions.create(model="fairlead", messages=[{"role": "user", "content": QUESTION}])
    assert answer.choices[0].message.content == "The lighthouse was built in 1874 [1]."
    assert answer.usage is not None
    assert answer.model_extra is not None
    assert answer.model_extra["citations"][0]["file_id"] == attached.id

    stream = await client.chat.completions.create(
        model="fairlead", messages=[{"role": "user", "content": QUESTION}], stream=True
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "The lighthouse was built in 1874 [1]."
    assert chunks[-1].model_extra is not None
    assert chunks[-1].model_extra["citations"] == answer.model_extra["citations"]


async def test_files(platform: Platform) -> None:
    client = platform.openai
    content = bytes(range(256)) * 4000
    file = await client.files.create(file=("näme.bin", content), purpose="user_data")
    assert (file.filename, file.bytes, file.purpose, file.status) == (
        "näme.bin",
        len(content),
        "user_data",
        "processed",
    )
    assert (await client.files.retrieve(file.id)).id == file.id
    assert (await client.files.content(file.id)).content == content
    assert [listed.id async for listed in await client.files.list()] == [file.id]
    assert (await client.files.wait_for_processing(file.id)).id == file.id
    assert (await client.files.delete(file.id)).deleted
    with pytest.raises(NotFoundError):
        await client.files.retrieve(file.id)


async def test_stores(platform: Platform) -> None:
    client = platform.openai
    made = [await client.vector_stores.create(name=f"store {number}") for number in range(5)]
    listed = [store.id async for store in client.vector_stores.list(limit=2, order="asc")]
    assert listed == [store.id for store in made]

    changed = await client.vector_stores.update(
        made[0].id, name="renamed", metadata={"a": "b"}, expires_after={"anchor": "last_active_at", "days": 7}
    )
    assert (changed.name, changed.metadata) == ("renamed", {"a": "b"})
    assert changed.expires_after is not None
    assert changed.expires_after.days == 7
    assert changed.expires_at is not None
    again = await client.vector_stores.update(made[0].id, metadata={"a": "c"})
    assert (again.name, again.metadata, again.expires_after) == ("renamed", {"a": "c"}, changed.expires_after)

    assert (await client.vector_stores.delete(made[0].id)).deleted
    with pytest.raises(NotFoundError):
        await client.vector_stores.retrieve(made[0].id)


async def test_files_of_a_store(platform: Platform) -> None:
    client = platform.openai
    store = await client.vector_stores.create(name="files")
    ids = [await platform.add(store.id, text, filename=f"{number}.txt") for number, text in enumerate(HARBOUR)]
    listed = [file.id async for file in client.vector_stores.files.list(store.id, limit=1, order="asc")]
    assert listed == ids
    assert [file.id async for file in client.vector_stores.files.list(store.id, filter="failed")] == []

    changed = await client.vector_stores.files.update(ids[0], vector_store_id=store.id, attributes={"kind": "quay"})
    assert changed.attributes == {"kind": "quay"}
    found = await client.vector_stores.search(
        store.id, query="harbour", filters={"type": "eq", "key": "kind", "value": "quay"}
    )
    assert [hit.file_id for hit in found.data] == [ids[0]]
    pages = await client.vector_stores.files.content(ids[0], vector_store_id=store.id)
    assert "".join(page.text or "" for page in pages.data) == HARBOUR[0]

    assert (await client.vector_stores.files.delete(ids[0], vector_store_id=store.id)).deleted
    with pytest.raises(NotFoundError):
        await client.vector_stores.files.retrieve(ids[0], vector_store_id=store.id)
    assert (await client.files.retrieve(ids[0])).id == ids[0]


async def test_file_batches(platform: Platform) -> None:
    client = platform.openai
    store = await client.vector_stores.create(name="batch")
    files = [(f"{number}.txt", io.BytesIO(text.encode())) for number, text in enumerate(HARBOUR)]
    uploading = client.vector_stores.file_batches.upload_and_poll(store.id, files=files)

    async def index() -> None:
        done = 0
        while done < len(HARBOUR):
            done += await platform.index_next(store.id)

    batch, _ = await asyncio.gather(uploading, index())
    assert (batch.status, batch.file_counts.completed, batch.file_counts.total) == ("completed", 3, 3)
    listed = [
        file.id async for file in client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id)
    ]
    assert len(listed) == 3
    assert (await client.vector_stores.retrieve(store.id)).file_counts.completed == 3


async def test_a_batch_with_settings_for_each_file_can_be_cancelled(platform: Platform) -> None:
    client = platform.openai
    store = await client.vector_stores.create(name="batch")
    ids = [(await client.files.create(file=("a.txt", b"text"), purpose="assistants")).id for _ in range(2)]
    batch = await client.vector_stores.file_batches.create(
        store.id, files=[{"file_id": ids[0], "attributes": {"first": True}}, {"file_id": ids[1]}]
    )
    assert (batch.status, batch.file_counts.in_progress) == ("in_progress", 2)
    assert (await client.vector_stores.files.retrieve(ids[0], vector_store_id=store.id)).attributes == {"first": True}
    cancelled = await client.vector_stores.file_batches.cancel(batch.id, vector_store_id=store.id)
    assert (cancelled.status, cancelled.file_counts.cancelled) == ("cancelled", 2)


async def test_a_store_created_with_files_has_them_or_is_not_created(platform: Platform) -> None:
    client = platform.openai
    file = await client.files.create(file=("a.txt", b"text"), purpose="assistants")
    store = await client.vector_stores.create(name="with files", file_ids=[file.id])
    assert store.file_counts.in_progress == 1
    with pytest.raises(NotFoundError):
        await client.vector_stores.create(name="without", file_ids=[file.id, "file-unknown"])
    assert [store.name async for store in client.vector_stores.list()] == ["with files"]


async def test_static_chunking_is_kept(platform: Platform) -> None:
    client = platform.openai
    store = await client.vector_stores.create(name="chunks")
    file = await client.files.create(file=("a.txt", b"text"), purpose="assistants")
    attached = await client.vector_stores.files.create(
        store.id,
        file_id=file.id,
        chunking_strategy={"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 50}},
    )
    assert attached.status == "in_progress"
    assert attached.chunking_strategy is not None
    assert attached.chunking_strategy.type == "static"
    assert attached.chunking_strategy.static.max_chunk_size_tokens == 200


async def test_search_options(platform: Platform) -> None:
    client = platform.openai
    store = await client.vector_stores.create(name="search")
    for text in HARBOUR:
        await platform.add(store.id, text)
    several = await client.vector_stores.search(store.id, query=["lighthouse", "fishing"], max_num_results=2)
    assert {hit.content[0].text for hit in several.data} == {HARBOUR[1], HARBOUR[2]}
    scores = [hit.score for hit in several.data]
    assert scores == sorted(scores, reverse=True)
    none = await client.vector_stores.search(store.id, query="lighthouse", ranking_options={"score_threshold": 1.0})
    assert none.data == []
    platform.pool.rewritten = "lighthouse"
    rewritten = await client.vector_stores.search(store.id, query="Tell me, please: fishing?", rewrite_query=True)
    assert rewritten.data[0].content[0].text == HARBOUR[1]
    assert rewritten.model_extra == {} or rewritten.object == "vector_store.search_results.page"


async def test_models_and_embeddings(platform: Platform) -> None:
    client = platform.openai
    assert [model.id async for model in client.models.list()] == ["fairlead"]
    assert (await client.models.retrieve("fairlead")).owned_by == "fairlead"
    answer = await client.embeddings.create(model="all-MiniLM-L6-v2", input=["one", "two"])
    assert [len(row.embedding) for row in answer.data] == [384, 384]
    floats = await client.embeddings.create(model="all-MiniLM-L6-v2", input="one", encoding_format="float")
    assert floats.data[0].embedding == pytest.approx(answer.data[0].embedding)


async def test_errors_are_the_clients_own_exceptions(platform: Platform) -> None:
    client = platform.openai
    with pytest.raises(NotFoundError) as unknown:
        await client.vector_stores.retrieve("vs_unknown")
    assert unknown.value.body == {
        "message": "No vector store found with id 'vs_unknown'.",
        "type": "invalid_request_error",
        "param": "vector_store_id",
        "code": "not_found",
    }
    with pytest.raises(BadRequestError) as bad:
        await client.vector_stores.search("vs_unknown", query="x", max_num_results=99)
    assert bad.value.param == "max_num_results"
    with pytest.raises(APIStatusError) as later:
        await client.responses.create(model="fairlead", input="x")
    assert later.value.status_code == 501
