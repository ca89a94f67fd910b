"""Drills of the LLM pool's alerts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from drills.drill import Drill
from drills.stage import Stage
from fakes import upstream

# Nobody listens on the discard port.
NOBODY = "http://127.0.0.1:9/v1"
DELAY_S = 3.0
# An edit is in force after half a second at most.
EFFECTIVE_S = 1.0


async def ask(stage: Stage) -> None:
    """A few answers."""
    await stage.ask(5)


def _first(url: str, **more: Any) -> dict[str, Any]:
    return {"name": "drill", "url": url, "model": "drill", "priority": 0, **more}


@asynccontextmanager
async def without_model(stage: Stage) -> AsyncIterator[None]:
    """The only endpoint of the model that answers is where nobody listens."""

    def change(config: dict[str, Any]) -> None:
        config["models"]["chat"]["endpoints"][0]["url"] = NOBODY

    with stage.edited("llm-proxy", change):
        yield


@asynccontextmanager
async def broken_endpoint(stage: Stage) -> AsyncIterator[None]:
    """Before the endpoint that answers there is one where nobody listens."""
    with stage.edited("llm-proxy", lambda config: config["models"]["chat"]["endpoints"].insert(0, _first(NOBODY))):
        yield


@asynccontextmanager
async def slow_model(stage: Stage) -> AsyncIterator[None]:
    """The model takes three seconds to its first word."""
    answer = upstream.Reply(pieces=upstream.STREAM, delay_s=DELAY_S)
    async with upstream.serving(answer) as endpoint:

        def change(config: dict[str, Any]) -> None:
            config["models"]["chat"]["endpoints"] = [_first(endpoint.url)]

        with stage.edited("llm-proxy", change):
            yield


@asynccontextmanager
async def key_refused(stage: Stage) -> AsyncIterator[None]:
    """The first endpoint answers 401."""
    refusal = upstream.Reply(status=401, body={"error": {"message": "no", "type": "x", "param": None, "code": "x"}})
    async with upstream.serving(refusal) as endpoint:
        first = _first(endpoint.url, key={"file": str(stage.home.secrets / "service-key")})
        with stage.edited("llm-proxy", lambda config: config["models"]["chat"]["endpoints"].insert(0, first)):
            yield


@asynccontextmanager
async def tight_limit(stage: Stage) -> AsyncIterator[None]:
    """The model's endpoint takes two requests a minute."""

    def change(config: dict[str, Any]) -> None:
        config["models"]["chat"]["endpoints"][0]["limits"] = {"requests_per_minute": 2}

    with stage.edited("llm-proxy", change):
        yield


async def hasty(stage: Stage) -> None:
    """Requests to the pool that cannot wait for a minute to end."""
    body = {"model": "chat", "messages": [{"role": "user", "content": "rope"}], "max_tokens": 5}
    for _ in range(5):
        await stage.post("/v1/chat/completions", body, "LLM_PROXY", x_request_deadline_ms="400")


@asynccontextmanager
async def priced(stage: Stage, budget: float) -> AsyncIterator[None]:
    """A request costs 1, and this is what the tenant may spend in a day."""

    def change(config: dict[str, Any]) -> None:
        # Each must have a price where there are budgets; {} says that it is free.
        config["prices"] = {"models": {name: {} for name in config["models"]} | {"chat": {"request": 1.0}}}
        config["callers"] = {"tenants": {"default": {"spend": {"amount": budget, "per": "day"}}}}

    with stage.edited("llm-proxy", change):
        await asyncio.sleep(EFFECTIVE_S)
        yield


@asynccontextmanager
async def budget_nearly_used(stage: Stage) -> AsyncIterator[None]:
    """Nine tenths of a budget are spent."""
    body = {"model": "chat", "messages": [{"role": "user", "content": "rope"}], "max_tokens": 5}
    async with priced(stage, 10):
        for _ in range(9):
            await stage.post("/v1/chat/completions", body, "LLM_PROXY")
        yield


@asynccontextmanager
async def budget_used(stage: Stage) -> AsyncIterator[None]:
    """The whole budget is spent."""
    body = {"model": "chat", "messages": [{"role": "user", "content": "rope"}], "max_tokens": 5}
    async with priced(stage, 3):
        for _ in range(4):
            await stage.post("/v1/chat/completions", body, "LLM_PROXY")
        yield


DRILLS = (
    Drill("EndpointBreakerOpen", broken_endpoint, ask),
    Drill("ModelUnavailable", without_model, ask, ask),
    Drill("EndpointKeyRefused", key_refused, ask),
    Drill("PoolLimited", tight_limit, hasty),
    Drill("BudgetNearlyUsed", budget_nearly_used),
    Drill("BudgetUsedUp", budget_used),
)
