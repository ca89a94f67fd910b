"""A pool's decisions without the pool: a clock that stands still, a plan from a few words, a question for it."""

import asyncio
from collections.abc import Callable
from typing import Any

from common.auth import Caller
from common.deadline import Deadline
from llm_proxy.ask import Ask
from llm_proxy.config import PoolConfig
from llm_proxy.plan import Compiler, Plan
from llm_proxy.router import Router


class Clock:
    """Time that passes when told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Timers:
    """What would be called later; `fire` calls what is due by the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.waiting: list[tuple[float, Callable[[], None], asyncio.TimerHandle]] = []

    def __call__(self, delay: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        handle = asyncio.get_running_loop().call_later(3600, lambda: None)
        self.waiting.append((self.clock.now + delay, call, handle))
        return handle

    def next_at(self) -> float:
        return min(at for at, _, handle in self.waiting if not handle.cancelled())

    def fire(self) -> None:
        due = [entry for entry in self.waiting if entry[0] <= self.clock.now]
        self.waiting = [entry for entry in self.waiting if entry not in due]
        for _, call, handle in due:
            if not handle.cancelled():
                handle.cancel()
                call()


def config(endpoints: list[dict[str, Any]] | int = 1, model: dict[str, Any] | None = None, **more: Any) -> PoolConfig:
    """A pool with the one model `m`."""
    if isinstance(endpoints, int):
        endpoints = [{} for _ in range(endpoints)]
    listed = [{"name": f"e{n}", "url": f"http://e{n}.test/v1", **endpoint} for n, endpoint in enumerate(endpoints)]
    return PoolConfig.model_validate({"models": {"m": {"endpoints": listed, **(model or {})}}, **more})


def plan(settings: PoolConfig, clock: Clock, share: int = 1) -> Plan:
    return Compiler(clock).compile(settings, share=share)


def router(settings: PoolConfig, clock: Clock, **more: Any) -> Router:
    return Router(plan(settings, clock), clock=clock, **more)


def ask(**more: Any) -> Ask:
    fields: dict[str, Any] = {
        "model": "m",
        "operation": "chat",
        "prompt_tokens": 10,
        "max_tokens": 10,
        "lane": "interactive",
        "caller": caller(),
        "deadline": Deadline.after(1000),
        **more,
    }
    return Ask(**fields)


def caller(key_id: str = "key_1", tenant: str = "default", key_name: str = "") -> Caller:
    return Caller(tenant=tenant, groups=(), lane="interactive", key_id=key_id, key_name=key_name)
