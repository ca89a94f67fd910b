"""What fails behind an answer shows in the answer, and takes nothing else with it."""

import asyncio
import json

import pytest

from fakes.pool import Gate
from integration.orchestrator.conftest import HARBOUR, Platform, StartPlatform, until
from integration.orchestrator.test_chat import QUESTION, events
from orchestrator.pipeline.callbacks import Callback

FOLLOW_UP = [
    {"role": "user", "content": "Tell me of the lighthouse."},
    {"role": "assistant", "content": "It stands."},
    {"role": "user", "content": QUESTION},
]


async def test_rewriter_down_the_question_is_searched_as_asked(start_platform: StartPlatform) -> None:
    platform = await start_platform("rewrite: true\nrewrite_timeout_s: 0.2")
    await platform.store_of(HARBOUR)
    platform.pool.hold["/chat/completions"] = Gate()
    asked = asyncio.create_task(platform.http.post("/v1/chat/completions", json={"messages": FOLLOW_UP}))
    await until(lambda: platform.pool.bodies("/embeddings"), "the search after the rewriter's time is up")
    del platform.pool.hold["/chat/completions"]
    answer = (await asked).json()
    assert platform.pool.bodies("/embeddings")[0]["input"] == [QUESTION]
    assert answer["degraded"] == ["rewrite"]
    assert answer["citations"]


@pytest.mark.parametrize("status", [503, 404])
async def test_embeddings_down_the_keywords_are_searched(platform: Platform, status: int) -> None:
    await platform.store_of(HARBOUR)
    platform.pool.fail["/embeddings"] = status
    answer = (await platform.ask("lighthouse built")).json()
    assert answer["degraded"] == ["embed"]
    assert answer["citations"][0]["text"] == HARBOUR[1]


async def test_a_store_of_another_embedding_model_is_searched_by_keywords(start_platform: StartPlatform) -> None:
    platform = await start_platform("embedding_model: another")
    await platform.store_of(HARBOUR)
    answer = (await platform.ask("lighthouse built")).json()
    assert answer["degraded"] == ["embed"]
    assert platform.pool.bodies("/embeddings") == []
    assert answer["citations"][0]["text"] == HARBOUR[1]


async def test_reranker_down_the_fused_order_stays(start_platform: StartPlatform) -> None:
    platform = await start_platform("rerank: true")
    await platform.store_of(HARBOUR)
    platform.pool.fail["/rerank"] = 500
    answer = (await platform.ask(QUESTION)).json()
    assert answer["degraded"] == ["rerank"]
    assert answer["citations"][0]["text"] == HARBOUR[1]


async def test_the_reranker_decides_the_order_and_what_goes_into_the_prompt(start_platform: StartPlatform) -> None:
    platform = await start_platform("rerank: true\nrerank_weight: 1\ntop_k: 1")
    await platform.store_of(HARBOUR)
    platform.pool.rerank_order = [2, 1, 0]
    answer = (await platform.ask(QUESTION)).json()
    assert len(platform.pool.bodies("/rerank")[0]["documents"]) == 3
    assert answer["degraded"] == []
    assert [citation["text"] for citation in answer["citations"]] == [
        platform.pool.bodies("/rerank")[0]["documents"][2]
    ]


async def test_a_search_is_reranked_when_it_asks_and_goes_on_without(start_platform: StartPlatform) -> None:
    platform = await start_platform("rerank_weight: 1")
    store = await platform.store_of(HARBOUR)
    path = f"/v1/vector_stores/{store.id}/search"
    body = {"query": QUESTION, "max_num_results": 2}
    plain = (await platform.http.post(path, json=body)).json()
    assert platform.pool.bodies("/rerank") == []
    body["ranking_options"] = {"ranker": "auto"}
    platform.pool.rerank_order = [2, 1, 0]
    reranked = (await platform.http.post(path, json=body)).json()
    documents = platform.pool.bodies("/rerank")[0]["documents"]
    assert [hit["content"][0]["text"] for hit in reranked["data"]] == [documents[2], documents[1]]
    scores = [hit["score"] for hit in reranked["data"]]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    platform.pool.fail["/rerank"] = 500
    without = (await platform.http.post(path, json=body)).json()
    assert without["data"] == plain["data"]
    assert without["fairlead"]["degraded"] == ["rerank"]


async def test_a_stand_in_for_the_model_answers_and_is_named(platform: Platform) -> None:
    await platform.store_of(HARBOUR)
    platform.pool.stands_in = True
    answer = (await platform.ask(QUESTION)).json()
    assert answer["degraded"] == ["stand_in"]
    assert answer["citations"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("pieces", [None, [], [ConnectionError()]], ids=["503", "empty answer", "cut at once"])
async def test_the_model_down_the_passages_are_shown_and_not_called_an_answer(
    platform: Platform, stream: bool, pieces: list[str | Gate | Exception] | None
) -> None:
    await platform.store_of(HARBOUR)
    platform.pool.pieces = pieces
    if pieces is None:
        platform.pool.fail["/chat/completions"] = 503
    response = await platform.ask(QUESTION, stream=stream)
    assert response.status_code == 200
    if stream:
        chunks = events(response.text)
        assert chunks[-1] == "[DONE]"
        text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1])
        facts = chunks[-2]
    else:
        facts = response.json()
        text = facts["choices"][0]["message"]["content"]
    assert facts["degraded"] == ["generate"]
    assert facts["fairlead"]["answered"] is False
    assert "this is not an answer" in text
    assert f"{HARBOUR[1]} [1]" in text
    assert facts["citations"][0]["text"] == HARBOUR[1]
    assert [citation["index"] for citation in facts["citations"]] == [1, 2, 3]


async def test_everything_of_the_pool_down_the_keywords_still_find_passages(platform: Platform) -> None:
    await platform.store_of(HARBOUR)
    platform.pool.fail = {"/embeddings": 503, "/chat/completions": 503}
    answer = (await platform.ask("lighthouse built")).json()
    assert answer["degraded"] == ["embed", "generate"]
    assert answer["citations"][0]["text"] == HARBOUR[1]


@pytest.mark.parametrize("fault", ["cut", "error event"])
async def test_a_stream_that_breaks_off_ends_in_one_error_and_no_done(platform: Platform, fault: str) -> None:
    await platform.store_of(HARBOUR)
    heard = Gate()
    platform.pool.pieces = ["The lighthouse was ", "built in ", heard]
    if fault == "cut":
        platform.pool.pieces.append(ConnectionError())
    else:
        platform.pool.error_event = {"message": "upstream of secret-host failed", "type": "server_error"}
    body = {"messages": [{"role": "user", "content": QUESTION}], "stream": True}
    text = ""
    async with platform.http.stream("POST", "/v1/chat/completions", json=body) as response:
        async for piece in response.aiter_text():
            text += piece
            if "built in" in text:
                heard.set()
    chunks = events(text)
    assert chunks[-1]["error"]["code"] == "answer_incomplete"
    assert "[DONE]" not in chunks
    assert sum("error" in chunk for chunk in chunks) == 1
    assert "secret-host" not in text


async def test_a_whole_answer_whose_generation_breaks_off_shows_the_passages(platform: Platform) -> None:
    await platform.store_of(HARBOUR)
    platform.pool.pieces = ["The lighthouse was built in 1", ConnectionError()]
    answer = (await platform.ask(QUESTION)).json()
    assert answer["degraded"] == ["generate"]
    assert "built in 1\n" not in answer["choices"][0]["message"]["content"]


async def test_the_store_down_is_a_503_in_the_error_shape(start_platform: StartPlatform) -> None:
    platform = await start_platform(database_url="postgresql://fairlead_app:secret-word@127.0.0.1:1/fairlead")
    health, *responses = await asyncio.gather(
        platform.http.get("/healthz"),
        platform.ask(QUESTION),
        platform.ask(QUESTION, stream=True),
        platform.http.get("/v1/vector_stores"),
        platform.http.post("/v1/vector_stores/vs_1/search", json={"query": "x"}),
        platform.http.post("/v1/feedback", json={"trace_id": "0" * 32, "value": "up"}),
    )
    for response in responses:
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "service_unavailable"
        assert int(response.headers["retry-after"]) >= 1
        assert "secret-word" not in response.text
    assert (health.status_code, health.json()["dependencies"]["postgres"]["state"]) == (503, "down")
    assert (await platform.http.get("/livez")).status_code == 200
    readiness = await platform.http.get("/readyz")
    assert (readiness.status_code, list(readiness.json()["reasons"])) == (503, ["schema"])


async def test_a_passed_deadline_is_a_504(platform: Platform) -> None:
    await platform.store_of(HARBOUR)
    platform.pool.pieces = [Gate()]
    headers = {"x-request-deadline-ms": "300"}
    body = {"messages": [{"role": "user", "content": QUESTION}]}
    response = await platform.http.post("/v1/chat/completions", json=body, headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (504, "deadline_exceeded")


async def test_too_many_questions_at_once_are_refused_and_everything_else_is_served(
    start_platform: StartPlatform,
) -> None:
    platform = await start_platform(max_open_answers=1)
    await platform.store_of(HARBOUR)
    gate = Gate()
    platform.pool.pieces = ["The lighthouse was built in 1874 [1].", gate]
    first = asyncio.create_task(platform.ask(QUESTION))
    await until(platform.pool.streaming.is_set, "the first answer")
    refused = await platform.ask(QUESTION)
    assert refused.status_code == 503
    assert "retry-after" in refused.headers
    # It stays behind its Service: were every pod of it taken out, nobody would be left to refuse, or to take a file.
    assert (await platform.http.get("/readyz")).status_code == 200
    health = await platform.http.get("/healthz")
    assert (health.status_code, health.json()["state"]) == (200, "degraded")
    assert health.json()["full"] == {"answers": "1 answers are in the making"}
    assert (await platform.http.get("/v1/files")).status_code == 200
    gate.set()
    assert (await first).status_code == 200
    assert (await platform.http.get("/readyz")).json() == {"ready": True, "reasons": {}}
    assert (await platform.ask(QUESTION)).status_code == 200


async def test_a_failing_callback_changes_no_answer(platform: Platform) -> None:
    class Broken(Callback):
        async def on_retrieval(self, *_: object) -> None:
            raise RuntimeError("no")

        on_request = on_generation = on_response = on_retrieval

    await platform.store_of(HARBOUR)
    platform.app.state.held.callbacks.attach(Broken())
    answer = await platform.ask(QUESTION)
    assert answer.status_code == 200
    assert answer.json()["citations"]
    metrics = (await platform.http.get("/metrics")).text
    for hook in ("on_request", "on_retrieval", "on_generation", "on_response"):
        assert f'fairlead_callback_failures_total{{hook="{hook}"}}' in metrics


async def test_a_client_that_leaves_a_stream_cancels_the_generation(platform: Platform) -> None:
    await platform.store_of(HARBOUR)
    platform.pool.pieces = ["The lighthouse", " was ", Gate()]
    body = {"messages": [{"role": "user", "content": QUESTION}], "stream": True}
    async with platform.http.stream("POST", "/v1/chat/completions", json=body) as response:
        async for line in response.aiter_lines():
            if "lighthouse" in line:
                break
    await until(platform.pool.abandoned.is_set, "the pool noticing that its caller left")


async def test_a_client_that_leaves_while_it_waits_cancels_the_generation(platform: Platform) -> None:
    await platform.store_of(HARBOUR)
    platform.pool.pieces = ["Not yet", Gate()]
    asked = asyncio.create_task(platform.ask(QUESTION))
    await until(platform.pool.streaming.is_set, "the generation")
    asked.cancel()
    await until(platform.pool.abandoned.is_set, "the pool noticing that its caller left")
    metrics = (await platform.http.get("/metrics")).text
    assert json.loads(metrics.split('fairlead_answers_total{outcome="cancelled"} ')[1].split("\n")[0]) >= 1
