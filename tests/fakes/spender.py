"""A process of the pool that does nothing but spend: `python spender.py URL NAME CASES`.

A case is `[REQUESTS, BUDGET, COST, MAXIMUM]` and has a key of its own. All requests are made at once; printed is how
many went through.
"""

import asyncio
import json
import sys

from common.deadline import Deadline
from common.errors import ApiError
from common.postgres import Pool, open_pool
from fakes.pool_plan import ask, caller, config
from llm_proxy.ask import Usage
from llm_proxy.callers import Callers
from llm_proxy.ledger_postgres import PostgresLedger
from llm_proxy.plan import Compiler


async def spend(pool: Pool, name: str, requests: int, budget: int, cost: int, maximum: int) -> dict[str, int]:
    """Spend until the budget is used up; one unit of money for a token of an answer."""
    prices = {"models": {"m": {"output": 1_000_000}}}
    settings = config(1, callers={"default": {"spend": {"amount": budget}}}, prices=prices)
    callers = Callers(Compiler().compile(settings), PostgresLedger(pool, name))
    done = {"served": 0, "refused": 0}

    async def one() -> None:
        asked = ask(max_tokens=maximum, deadline=Deadline.after(60), caller=caller(f"key_{budget}"))
        try:
            lease = callers.admit(asked) or await callers.fund(asked)
        except ApiError as error:
            assert error.status == 429, error.message
            done["refused"] += 1
            return
        await asyncio.sleep(0.001)
        done["served"] += 1
        lease.settle(Usage(0, cost))

    async def look_after() -> None:
        while True:
            await callers.tend()
            await asyncio.sleep(0.05)

    tending = asyncio.create_task(look_after())
    await asyncio.gather(*(one() for _ in range(requests)))
    tending.cancel()
    await asyncio.gather(tending, return_exceptions=True)
    await callers.close()
    return done


async def main(url: str, name: str, cases: list[list[int]]) -> list[dict[str, int]]:
    async with open_pool(url, max_size=4) as pool:
        return await asyncio.gather(*(spend(pool, name, *case) for case in cases))


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))))
