"""Any order of uploads, updates, deletes and searches over the API does what a dictionary would do."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle as References
from hypothesis.stateful import RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from integration.orchestrator.conftest import PATIENCE_S, Platform

WORDS = ("anchor", "buoy", "crane", "dredger", "estuary", "ferry")
COLOURS = ("red", "green", "white")
SOME_WORDS = st.sets(st.sampled_from(WORDS), min_size=1)
COLOUR = st.sampled_from(COLOURS)
LIMIT = st.integers(1, 5)


@dataclass
class Document:
    words: frozenset[str]
    colour: str = ""


@dataclass
class Model:
    """What must be there: documents attached to the store, and those only uploaded, by file id."""

    attached: dict[str, Document] = field(default_factory=dict[str, Document])
    loose: dict[str, Document] = field(default_factory=dict[str, Document])


class StoreMachine(RuleBasedStateMachine):
    """Requests go over HTTP from a thread; the platform runs in the test's loop, where files are also indexed."""

    files = References("files")
    platform: Platform
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.http = httpx.Client(base_url=self.platform.url, timeout=PATIENCE_S)
        self.store = self.asked("POST", "/v1/vector_stores", json={"name": "model"})["id"]
        self.model = Model()

    def teardown(self) -> None:
        self.http.close()

    def asked(self, method: str, path: str, **given: Any) -> Any:
        response = self.http.request(method, path, **given)
        assert response.status_code == 200, response.text
        return response.json()

    def attach(self, file_id: str, document: Document, colour: str) -> None:
        body = {"file_id": file_id, "attributes": {"colour": colour}}
        assert self.asked("POST", f"/v1/vector_stores/{self.store}/files", json=body)["status"] == "in_progress"
        indexing = asyncio.run_coroutine_threadsafe(self.platform.index_next(self.store), self.loop)
        assert indexing.result(PATIENCE_S) == 1
        self.model.attached[file_id] = Document(document.words, colour)

    @rule(target=files, words=SOME_WORDS, colour=COLOUR)
    def upload(self, words: set[str], colour: str) -> str:
        named = {"file": ("document.txt", " ".join(sorted(words)), "text/plain")}
        file_id = self.asked("POST", "/v1/files", files=named, data={"purpose": "assistants"})["id"]
        self.attach(file_id, Document(frozenset(words)), colour)
        return file_id

    @rule(file_id=files, colour=COLOUR)
    def update(self, file_id: str, colour: str) -> None:
        path = f"/v1/vector_stores/{self.store}/files/{file_id}"
        response = self.http.post(path, json={"attributes": {"colour": colour}})
        if file_id in self.model.attached:
            assert response.json()["attributes"] == {"colour": colour}
            self.model.attached[file_id].colour = colour
        else:
            assert response.status_code == 404

    @rule(file_id=files)
    def detach(self, file_id: str) -> None:
        response = self.http.delete(f"/v1/vector_stores/{self.store}/files/{file_id}")
        document = self.model.attached.pop(file_id, None)
        assert response.status_code == (404 if document is None else 200)
        if document is not None:
            self.model.loose[file_id] = document

    @rule(file_id=files, colour=COLOUR)
    def attach_again(self, file_id: str, colour: str) -> None:
        document = self.model.loose.pop(file_id, None)
        if document is not None:
            self.attach(file_id, document, colour)

    @rule(file_id=consumes(files))
    def delete(self, file_id: str) -> None:
        assert self.asked("DELETE", f"/v1/files/{file_id}")["deleted"] is True
        self.model.attached.pop(file_id, None)
        self.model.loose.pop(file_id, None)
        assert self.http.get(f"/v1/files/{file_id}/content").status_code == 404

    @rule(word=st.sampled_from(WORDS), colour=st.none() | COLOUR, embedding_weight=st.sampled_from([0, 1]))
    def search(self, word: str, colour: str | None, embedding_weight: int) -> None:
        body: dict[str, Any] = {
            "query": word,
            "max_num_results": 50,
            "ranking_options": {"hybrid_search": {"text_weight": 1, "embedding_weight": embedding_weight}},
        }
        if colour is not None:
            body["filters"] = {"type": "eq", "key": "colour", "value": colour}
        hits = self.asked("POST", f"/v1/vector_stores/{self.store}/search", json=body)["data"]
        ids = [hit["file_id"] for hit in hits]
        visible = {file_id for file_id, each in self.model.attached.items() if colour in (None, each.colour)}
        holding = {file_id for file_id in visible if word in self.model.attached[file_id].words}
        assert len(set(ids)) == len(ids)
        assert set(ids) <= visible
        assert holding <= set(ids)
        if not embedding_weight:
            assert set(ids) == holding
        assert all(hit["attributes"] == {"colour": self.model.attached[hit["file_id"]].colour} for hit in hits)
        scores = [hit["score"] for hit in hits]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)

    @rule(limit=LIMIT, order=st.sampled_from(["asc", "desc"]))
    def list_pages(self, limit: int, order: str) -> None:
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            query = {"limit": limit, "order": order, **after}
            page = self.asked("GET", f"/v1/vector_stores/{self.store}/files", params=query)
            seen += [entry["id"] for entry in page["data"]]
            if not page["has_more"]:
                break
            after = {"after": page["last_id"]}
        assert sorted(seen) == sorted(self.model.attached)

    @invariant()
    def the_store_counts_what_is_there(self) -> None:
        shown = self.asked("GET", f"/v1/vector_stores/{self.store}")
        assert shown["file_counts"]["completed"] == shown["file_counts"]["total"] == len(self.model.attached)
        assert (shown["usage_bytes"] > 0) == bool(self.model.attached)


async def test_any_order_of_requests_does_what_a_dictionary_does(platform: Platform) -> None:
    StoreMachine.platform, StoreMachine.loop = platform, asyncio.get_running_loop()
    few = settings(
        max_examples=12,
        stateful_step_count=15,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )
    await asyncio.to_thread(run_state_machine_as_test, StoreMachine, settings=few)
