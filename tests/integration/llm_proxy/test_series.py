"""Whatever names clients make up, the number of the pool's series stays what its configuration makes it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from common import key_file
from fakes.strangers import MARK, Strangers
from fakes.upstream import Endpoint, Reply, serving
from integration.llm_proxy.pool_process import CHAT, Pool, running

POSTS = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/rerank", "/explain")
USED = {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500}
PRICES = {"currency": "EUR", "models": {"m": {"input": 1, "cached_input": 0.5, "output": 2, "request": 0.001}}}
PATIENCE_S = 30.0


@pytest.fixture
async def upstream() -> AsyncIterator[Endpoint]:
    async with serving(Reply(body={"choices": [], "usage": USED})) as endpoint:
        yield endpoint


def config(upstream: Endpoint, **callers: Any) -> dict[str, Any]:
    return {
        "models": {"m": {"endpoints": [{"name": "e", "url": upstream.url}]}},
        "prices": PRICES,
        "callers": callers,
    }


async def test_ten_thousand_made_up_names_make_no_series(
    upstream: Endpoint, tmp_path: Path, free_tcp_port_factory: Callable[[], int]
) -> None:
    path = tmp_path / "keys.json"
    keys = [key_file.create(path, tenant=f"{MARK}{number}", name=f"{MARK}{number}")[0] for number in range(50)]
    environment = {"FAIRLEAD_AUTH": "keys", "FAIRLEAD_KEYS_FILE": str(path)}
    limits = {"default": {"spend": {"amount": 1000}}}
    async with running(
        tmp_path / "pool.yaml", free_tcp_port_factory(), config(upstream, **limits), environment
    ) as pool:
        for key in keys:
            answer = await pool.ask("m", headers={"authorization": f"Bearer {key}"})
            assert answer.status_code == 200
        strangers = Strangers(f"http://127.0.0.1:{pool.port}", POSTS, authorization=keys)
        await strangers.series()  # a scrape makes series too
        await strangers.come(500)
        async with asyncio.timeout(PATIENCE_S):
            # What all strangers have used of their budget is one series, which comes a moment later.
            while not any("budget_used" in series for series in await strangers.series()):
                await asyncio.sleep(0.1)
        before = await strangers.series()
        statuses = await strangers.come(10_000)
        after = await strangers.series()
    assert statuses <= {200, 400, 404, 405}, "they were served, not turned away at the door"
    assert not [series for series in after if MARK in series.lower()]
    assert after - before == set()


async def test_what_callers_cost_and_how_much_of_their_budget_is_used(
    upstream: Endpoint, tmp_path: Path, free_tcp_port_factory: Callable[[], int]
) -> None:
    path = tmp_path / "keys.json"
    keys = {
        "named": key_file.create(path, tenant="acme", name="nightly")[0],
        "tenant": key_file.create(path, tenant="acme")[0],
        "nobody": key_file.create(path, tenant="umbrella")[0],
    }
    environment = {"FAIRLEAD_AUTH": "keys", "FAIRLEAD_KEYS_FILE": str(path)}
    budgets = {
        "tenants": {"acme": {"spend": {"amount": 1.2}}},
        "keys": {"nightly": {"spend": {"amount": 0.6, "per": "day"}}},
    }
    cost = (1000 * 1 + 500 * 2) / 1e6 + 0.001
    async with running(
        tmp_path / "pool.yaml", free_tcp_port_factory(), config(upstream, **budgets), environment
    ) as pool:
        for name, times in {"named": 40, "tenant": 20, "nobody": 10}.items():
            for _ in range(times):
                answer = await pool.ask("m", headers={"authorization": f"Bearer {keys[name]}"}, max_tokens=500)
                assert answer.status_code == 200, answer.text
                assert answer.headers["x-fairlead-price"] == "EUR 1 0.5 2 0.001"
        for labels, times in (
            ('"nightly",tenant="acme"', 40),
            ('"other",tenant="acme"', 20),
            ('"other",tenant="other"', 10),
        ):
            line = f'fairlead_pool_caller_cost_total{{currency="EUR",key={labels}}}'
            assert await pool.metric(line) == pytest.approx(times * cost)
        await used(pool, '"nightly",tenant="acme"', 40 * cost / 0.6)
        await used(pool, '"other",tenant="acme"', 20 * cost / 1.2)
        assert await pool.metric('fairlead_pool_budget_used_ratio{key="other",tenant="other"}') == 0


async def test_the_pool_counts_its_routes_as_every_service_does(
    upstream: Endpoint, tmp_path: Path, free_tcp_port_factory: Callable[[], int]
) -> None:
    async with running(tmp_path / "pool.yaml", free_tcp_port_factory(), config(upstream)) as pool:
        assert (await pool.ask("m")).status_code == 200
        assert (await pool.ask("unknown")).status_code == 404
        upstream.replies = [Reply(503, {"error": {"message": "down"}})]
        assert (await pool.ask("m")).status_code == 502

        def line(status: int) -> str:
            return f'fairlead_http_requests_total{{method="POST",route="{CHAT}",service="llm-proxy",status="{status}"}}'

        assert [await pool.metric(line(status)) for status in (200, 404, 502)] == [1, 1, 1]
        seconds = f'fairlead_http_request_seconds_count{{route="{CHAT}",service="llm-proxy"}}'
        assert await pool.metric(seconds) == 3
        async with asyncio.timeout(PATIENCE_S):
            while not await pool.metric('fairlead_event_loop_lag_seconds_count{service="llm-proxy"}'):
                await asyncio.sleep(0.1)


async def used(pool: Pool, labels: str, share: float) -> None:
    """Wait for the gauge, which is set once a second."""
    line = f"fairlead_pool_budget_used_ratio{{key={labels}}}"
    async with asyncio.timeout(20):
        while await pool.metric(line) != pytest.approx(share, rel=0.02):
            await asyncio.sleep(0.1)
