"""Whatever names clients make up, the number of series stays what the configuration makes it."""

from pathlib import Path

import pytest

from common import key_file
from fakes.strangers import MARK, Strangers
from integration.orchestrator.conftest import HARBOUR, Platform, StartPlatform
from integration.orchestrator.test_chat import QUESTION

POSTS = (
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/feedback",
    "/v1/vector_stores/{name}/search",
    "/v1/vector_stores/{name}/files",
    "/v1/files/{name}",
)


async def test_ten_thousand_made_up_names_make_no_series(platform: Platform) -> None:
    await platform.store_of(HARBOUR)
    assert (await platform.ask(QUESTION)).status_code == 200
    strangers = Strangers(platform.url, POSTS)
    await strangers.series()  # a scrape makes series too
    await strangers.come(500)
    before = await strangers.series()
    statuses = await strangers.come(10_000)
    after = await strangers.series()
    assert statuses <= {200, 400, 404, 405}, "they were served, not turned away at the door"
    assert not [series for series in after if MARK in series.lower()]
    assert after - before == set()


async def test_tenants_are_told_apart_as_far_as_the_configuration_names_them(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    tenants = ["acme", *(f"{MARK}-{number}" for number in range(20))]
    keys = [key_file.create(path, tenant=tenant)[0] for tenant in tenants]
    platform = await start_platform("quotas: {acme: {}}", auth="keys", keys_file=path)
    platform.pool.price = "USD 1 0 2 0.5"
    for key in keys:
        headers = {"authorization": f"Bearer {key}"}
        store = await platform.http.post("/v1/vector_stores", json={"name": "default"}, headers=headers)
        upload = {"files": {"file": ("a.txt", b"text")}, "data": {"purpose": "assistants"}}
        file = (await platform.http.post("/v1/files", headers=headers, **upload)).json()["id"]
        attached = f"/v1/vector_stores/{store.json()['id']}/files"
        await platform.http.post(attached, json={"file_id": file}, headers=headers)
        answer = await platform.http.post(
            f"/v1/vector_stores/{store.json()['id']}/search",
            json={"query": "x", "rewrite_query": True},
            headers=headers,
        )
        assert answer.status_code == 200
    text = (await platform.http.get("/metrics")).text
    costs = [line for line in text.splitlines() if line.startswith("fairlead_cost_total{")]
    assert {line.split("tenant=")[1].split('"')[1] for line in costs} == {"acme", "other"}
    assert MARK not in text


async def test_an_answer_costs_what_its_calls_cost(start_platform: StartPlatform) -> None:
    platform = await start_platform()
    platform.pool.price = "EUR 1 0 2 0.5"
    await platform.store_of(HARBOUR)

    async def total(name: str) -> float:
        text = (await platform.http.get("/metrics")).text
        lines = (line for line in text.splitlines() if line.startswith(f"fairlead_{name}{{") and "EUR" in line)
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    assert (await platform.ask(QUESTION)).status_code == 200
    # The fake model counts 100 tokens read and 20 written; the question's embedding is one token and a call.
    embedding = 0.5 + 1 * 1 / 1e6
    expected = embedding + 0.5 + (100 * 1 + 20 * 2) / 1e6
    assert await total("cost_total") == pytest.approx(expected)
    assert await total("answer_cost_sum") == pytest.approx(expected)
    assert await total("answer_cost_count") == 1


async def test_the_trace_of_an_answer_stands_beside_its_times(platform: Platform) -> None:
    await platform.store_of(HARBOUR)
    trace = (await platform.ask(QUESTION)).json()["trace_id"]
    accept = {"accept": "application/openmetrics-text;version=1.0.0"}
    lines = (await platform.http.get("/metrics", headers=accept)).text.splitlines()
    named = {line.split("{")[0] for line in lines if f'# {{trace_id="{trace}"}}' in line}
    assert named >= {
        "fairlead_http_request_seconds_bucket",
        "fairlead_step_seconds_bucket",
        "fairlead_first_token_seconds_bucket",
        "fairlead_answer_first_text_seconds_bucket",
        "fairlead_retrieval_top_score_ratio_bucket",
    }


async def test_the_first_token_is_timed_though_models_begin_with_a_chunk_that_says_nothing(platform: Platform) -> None:
    await platform.store_of(HARBOUR)

    async def timed() -> float:
        text = (await platform.http.get("/metrics")).text
        lines = text.splitlines()
        return float(next(line for line in lines if line.startswith("fairlead_first_token_seconds_count")).split()[1])

    before = await timed()
    platform.pool.pieces = ["", "The lighthouse was built in 1874 [1]."]
    assert (await platform.ask(QUESTION)).status_code == 200
    assert await timed() == before + 1
