"""`/v1/embeddings` over HTTP, by hand and by OpenAI's own client."""

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError

MODEL = "all-MiniLM-L6-v2"
TEXTS = ["A bowline holds.", "Ein Palstek hält.", "もやい結び", "x"]
WAIT_S = 30


async def posted(http: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await http.post("/embeddings", json={"model": MODEL, **body})


async def test_the_stock_client_gets_vectors_of_length_1(openai: AsyncOpenAI) -> None:
    # The client asks for base64 by itself and decodes it.
    found = await openai.embeddings.create(model=MODEL, input=TEXTS)
    vectors = np.array([item.embedding for item in found.data])
    assert vectors.shape == (4, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert [item.index for item in found.data] == [0, 1, 2, 3]
    assert found.model == MODEL
    assert found.usage.prompt_tokens == found.usage.total_tokens > len(TEXTS)


async def test_numbers_and_base64_are_the_same_vector(http: httpx.AsyncClient) -> None:
    numbers = (await posted(http, input=TEXTS[0])).json()
    encoded = (await posted(http, input=TEXTS[0], encoding_format="base64")).json()
    decoded = np.frombuffer(base64.b64decode(encoded["data"][0]["embedding"]), dtype="<f4")
    assert decoded == pytest.approx(np.array(numbers["data"][0]["embedding"]), abs=1e-8)
    assert numbers["object"] == "list"
    assert numbers["data"][0]["object"] == "embedding"
    assert numbers["usage"] == encoded["usage"]


async def test_one_text_and_its_token_ids_are_the_same_input(http: httpx.AsyncClient) -> None:
    ids = [101, 2019, 8133, 102]  # [CLS] an anchor [SEP]
    text, one, several = [(await posted(http, input=given)).json() for given in ("an anchor", ids, [ids, ids])]
    assert one["data"] == text["data"]
    assert [item["embedding"] for item in several["data"]] == pytest.approx(
        [pytest.approx(text["data"][0]["embedding"], abs=1e-6)] * 2
    )
    assert (one["usage"]["total_tokens"], several["usage"]["total_tokens"]) == (4, 8)


async def test_as_many_inputs_as_openai_takes_come_back_in_order(http: httpx.AsyncClient) -> None:
    words = ["rope", "anchor", "harbour", "boat"]
    data = (await posted(http, input=[words[n % 4] for n in range(2048)])).json()["data"]
    assert [item["index"] for item in data] == list(range(2048))
    vectors = np.array([item["embedding"] for item in data])
    assert np.abs(vectors - vectors[:4][np.arange(2048) % 4]).max() < 1e-5


async def test_dimensions_may_be_what_the_model_has(http: httpx.AsyncClient) -> None:
    assert (await posted(http, input="x", dimensions=384)).status_code == 200


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({}, "input", "is required"),
        ({"input": None}, "input", "must be a text"),
        ({"input": []}, "input", "not empty"),
        ({"input": 3}, "input", "must be a text"),
        ({"input": {"text": "x"}}, "input", "must be a text"),
        ({"input": ""}, "input", "is empty"),
        ({"input": ["x", " \n"]}, "input[1]", "is empty"),
        ({"input": ["x", 3]}, "input[1]", "must be a text like the inputs before it"),
        ({"input": [True]}, "input", "list of token ids"),
        ({"input": [[101, 2019, 102], "x"]}, "input[1]", "list of token ids"),
        ({"input": [101, 30522, 102]}, "input", "is not token ids of all-MiniLM-L6-v2"),
        ({"input": [[9906, 1917]]}, "input[0]", "check_embedding_ctx_length=False"),
        ({"input": [[101, 2019, 102], []]}, "input[1]", "is not token ids"),
        ({"input": ["x"] * 2049}, "input", "has 2049 items; at most 2048"),
        ({"input": "x", "dimensions": 256}, "dimensions", "must be 384"),
        ({"input": "x", "dimensions": "384"}, "dimensions", "Expected `int"),
        ({"input": "x", "encoding_format": "hex"}, "encoding_format", "hex"),
        ({"input": "x", "model": None}, "model", "Expected `str`"),
        ({"input": "x", "model": "extractive"}, "model", "cannot do this; use `all-MiniLM-L6-v2`"),
    ],
)
async def test_bad_input_names_its_field(http: httpx.AsyncClient, body: dict[str, Any], param: str, words: str) -> None:
    answer = await posted(http, **body)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert words in error["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"model": "all-MiniLM-L6-v2", "input": "\\ud800'])
async def test_a_body_that_is_no_request_is_refused(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post("/embeddings", content=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


async def test_the_stock_client_knows_the_errors(openai: AsyncOpenAI) -> None:
    with pytest.raises(NotFoundError, match="text-embedding-3-small") as unknown:
        await openai.embeddings.create(model="text-embedding-3-small", input="x")
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(BadRequestError) as refused:
        await openai.embeddings.create(model=MODEL, input="")
    assert refused.value.param == "input"


async def test_past_its_deadline_a_request_ends_with_504(http: httpx.AsyncClient) -> None:
    body = {"model": MODEL, "input": ["rope " * 250] * 500}
    answer = await http.post("/embeddings", json=body, headers={"x-request-deadline-ms": "20"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")


async def test_work_for_a_caller_who_left_is_dropped(address: str, metric: Callable[[str], float]) -> None:
    before = metric("local_models_abandoned_total")
    leaving = httpx.AsyncClient(base_url=address)
    body = {"model": MODEL, "input": ["rope " * 250] * 2000}
    request = asyncio.create_task(leaving.post("/v1/embeddings", json=body, timeout=WAIT_S))
    async with asyncio.timeout(WAIT_S):
        while not metric("local_models_queued_tokens"):
            assert not request.done()
            await asyncio.sleep(0.01)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        await leaving.aclose()
        while metric("local_models_abandoned_total") == before:
            await asyncio.sleep(0.01)
    assert metric("local_models_queued_tokens") == 0


async def test_models_are_listed_as_openai_lists_them(openai: AsyncOpenAI) -> None:
    listed = (await openai.models.list()).data
    assert [model.id for model in listed] == [MODEL, "extractive"]
    for model in listed:
        assert await openai.models.retrieve(model.id) == model
    with pytest.raises(NotFoundError) as unknown:
        await openai.models.retrieve("gpt-4o")
    assert unknown.value.code == "model_not_found"
