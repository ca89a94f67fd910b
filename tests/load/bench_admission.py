"""What the pool's decisions cost a request in processor time: admit, reserve, learn, succeed, release, settle.

    make bench-admission ARGS="--requests 100000"

No network and no other process: the figure is what is added to every request of one core. The best of five rounds is
shown, as neighbours on the machine only ever make a round slower.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from fakes.pool_plan import ask, config
from llm_proxy.ask import Tried, Usage
from llm_proxy.callers import Callers
from llm_proxy.plan import Compiler
from llm_proxy.router import Router

ROUNDS = 5
LIMITS = {"tokens_per_minute": 10**9, "requests_per_minute": 10**8, "concurrency": 1000}
CALLER = {"requests_per_minute": 10**8, "tokens_per_minute": 10**10, "concurrency": 1000, "spend": {"amount": 1e6}}
QUIET: dict[str, str] = {"content-type": "application/json"}
TELLING = QUIET | {
    "x-ratelimit-limit-requests": "5000",
    "x-ratelimit-remaining-requests": "4999",
    "x-ratelimit-reset-requests": "12ms",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-tokens": "1999000",
    "x-ratelimit-reset-tokens": "30ms",
}
CASES: list[tuple[str, int, dict[str, Any], dict[str, Any], dict[str, str]]] = [
    ("1 endpoint, no limits", 1, {}, {}, QUIET),
    ("4 endpoints, no limits", 4, {}, {}, QUIET),
    ("4 endpoints, tokens, requests and concurrency limited", 4, LIMITS, {}, QUIET),
    ("the same, and they say what is left", 4, LIMITS, {}, TELLING),
    ("the same, and the caller has all four limits", 4, LIMITS, CALLER, TELLING),
]


async def measure(requests: int, endpoints: int, limits: Any, caller: Any, headers: dict[str, str]) -> float:
    """Seconds of processor time for one request."""
    prices = {"models": {"m": {"input": 1, "output": 2}}}
    settings = config([{"limits": limits}] * endpoints, callers={"default": caller}, prices=prices)
    plan = Compiler().compile(settings)
    callers, router, asked, used = Callers(plan), Router(plan), ask(), Usage(10, 10)
    (callers.admit(asked) or await callers.fund(asked)).settle(used)
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(requests // ROUNDS):
            lease = callers.admit(asked)
            place = router.reserve(asked, Tried())
            assert lease is not None and place is not None
            place.learn(headers)
            place.succeeded(0.01)
            place.release()
            lease.settle(used, place.endpoint.price.cost(used))
        best = min(best, (time.process_time() - began) / (requests // ROUNDS))
    return best


def main(requests: Annotated[int, typer.Option(help="Requests of each case.")] = 100_000) -> None:
    """Measure and show."""
    table = Table("decisions for one request", "µs of processor time")
    for name, *case in CASES:
        table.add_row(name, f"{asyncio.run(measure(requests, *case)) * 1e6:.1f}")
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
