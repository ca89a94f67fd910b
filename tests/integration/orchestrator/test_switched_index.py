"""A store that is switched to another embedding model in the middle of a search answers that search all the same."""

import asyncio
from typing import Any

import pytest

from fakes.pool import vector
from integration.orchestrator.conftest import EVERYONE, HARBOUR, Platform, until
from vector_store.models import EmbeddingSpace
from vector_store.shadow import ShadowIndexes

SECOND = EmbeddingSpace("second", "1", 128)


async def shadowed(platform: Platform) -> tuple[str, ShadowIndexes]:
    """A store with a complete shadow index."""
    platform.pool.dimensions[SECOND.model] = SECOND.dimension
    store = (await platform.store_of(HARBOUR)).id
    shadows = ShadowIndexes(platform.app.state.held.chunks._pool)
    await shadows.begin(EVERYONE, store, SECOND)
    for file_id in await shadows.pending(EVERYONE, store, 10):
        chunks = await platform.chunks.read(EVERYONE, store, file_id)
        vectors = [vector(chunk.text, SECOND.dimension)[None, :] for chunk in chunks]
        assert await shadows.write(EVERYONE, store, file_id, chunks, vectors, "1")
    return store, shadows


@pytest.mark.parametrize("asked", ["search", "chat"])
async def test_a_question_under_way_is_answered_from_the_new_index(platform: Platform, asked: str) -> None:
    store, shadows = await shadowed(platform)
    gate = platform.pool.hold["/embeddings"] = asyncio.Event()
    question = "When was the lighthouse built?"
    path, body = f"/v1/vector_stores/{store}/search", dict[str, Any](query=question)
    if asked == "chat":
        path, body = "/v1/chat/completions", {"messages": [{"role": "user", "content": question}]}
    answering = asyncio.create_task(platform.http.post(path, json=body))
    await until(lambda: platform.pool.bodies("/embeddings"), "the question is being embedded")
    await shadows.switch(EVERYONE, store)
    gate.set()
    answer = await answering
    assert answer.status_code == 200, answer.text
    models = [body["model"] for body in platform.pool.bodies("/embeddings")]
    assert models[-1] == SECOND.model
    own = answer.json()["fairlead"] if asked == "search" else answer.json()
    assert own["degraded"] == []
    assert "1874" in answer.text
