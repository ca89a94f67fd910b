"""`/v1/rerank` in the shape that Cohere and Jina share."""

from typing import Any

import httpx2 as httpx
import pytest

MODEL = "all-MiniLM-L6-v2"
QUERY = "How do I tie a boat to a ring?"
DOCUMENTS = [
    "The committee approved the budget for the coming fiscal year.",
    "A round turn and two half hitches make a line fast to a ring on the quay.",
    "The quay has rings every ten metres.",
]


async def reranked(http: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await http.post("/rerank", json={"model": MODEL, "query": QUERY, "documents": DOCUMENTS, **body})


async def results(http: httpx.AsyncClient, **body: Any) -> list[dict[str, Any]]:
    answer = await reranked(http, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


async def test_documents_come_best_first_with_scores_between_0_and_1(http: httpx.AsyncClient) -> None:
    answer = (await reranked(http)).json()
    assert [result["index"] for result in answer["results"]] == [1, 2, 0]
    scores = [result["relevance_score"] for result in answer["results"]]
    assert 1 >= scores[0] > scores[1] > scores[2] >= 0
    assert answer["model"] == MODEL
    assert answer["id"].startswith("rerank-")
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] > 30
    assert "document" not in answer["results"][0]


async def test_a_score_does_not_depend_on_the_other_documents(http: httpx.AsyncClient) -> None:
    together = {result["index"]: result["relevance_score"] for result in await results(http)}
    for place, document in enumerate(DOCUMENTS):
        (alone,) = await results(http, documents=[document])
        assert alone["relevance_score"] == pytest.approx(together[place], abs=1e-3)


async def test_only_the_top_n_are_returned(http: httpx.AsyncClient) -> None:
    everything = await results(http)
    assert await results(http, top_n=2) == everything[:2]
    assert await results(http, top_n=99) == everything


async def test_documents_are_returned_on_request_and_may_be_objects(http: httpx.AsyncClient) -> None:
    found = await results(http, documents=[{"text": text} for text in DOCUMENTS], return_documents=True)
    assert [result["document"] for result in found] == [{"text": DOCUMENTS[place]} for place in (1, 2, 0)]
    assert [result["index"] for result in found] == [1, 2, 0]


async def test_the_same_document_twice_and_an_empty_one_keep_their_places(http: httpx.AsyncClient) -> None:
    found = await results(http, documents=["", DOCUMENTS[1], DOCUMENTS[1]])
    assert [result["index"] for result in found] == [1, 2, 0]
    assert found[0]["relevance_score"] == found[1]["relevance_score"]


@pytest.mark.parametrize(
    ("body", "status", "param", "words"),
    [
        ({"query": " "}, 400, "query", "is empty"),
        ({"query": None}, 400, "query", "Expected `str`"),
        ({"documents": []}, 400, "documents", "is empty"),
        ({"documents": "x"}, 400, "documents", "Expected `array`"),
        ({"documents": ["x", 3]}, 400, "documents[1]", "must be a text, or an object with a `text`"),
        ({"documents": [{"title": "x"}]}, 400, "documents[0]", "must be a text"),
        ({"documents": ["x"] * 1001}, 400, "documents", "has 1001 items; at most 1000"),
        ({"top_n": 0}, 400, "top_n", "at least 1"),
        ({"top_n": "two"}, 400, "top_n", "Expected `int"),
        ({"model": "extractive"}, 400, "model", "use `all-MiniLM-L6-v2`"),
        ({"model": "rerank-v3.5"}, 404, "model", "does not exist"),
    ],
)
async def test_bad_input_names_its_field(
    http: httpx.AsyncClient, body: dict[str, Any], status: int, param: str, words: str
) -> None:
    answer = await reranked(http, **body)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (status, param)
    assert words in error["message"]


async def test_past_its_deadline_a_request_ends_with_504(http: httpx.AsyncClient) -> None:
    documents = [f"{number} " + "anchor " * 250 for number in range(500)]
    body = {"model": MODEL, "query": QUERY, "documents": documents}
    answer = await http.post("/rerank", json=body, headers={"x-request-deadline-ms": "20"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
