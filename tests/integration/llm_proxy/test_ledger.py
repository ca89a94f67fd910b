"""The shared ledger on real Postgres: several processes at once spend one budget, and overspend by one at most."""

import asyncio
import json
import os
import sys
from pathlib import Path

import psycopg
import pytest

from common.postgres import open_pool
from conftest import Database
from llm_proxy.ledger import Draw, LedgerError
from llm_proxy.ledger_postgres import PostgresLedger
from llm_proxy.purse import MONEY

TESTS = Path(__file__).parents[2]
PROCESSES = 4


async def process(url: str, name: str, cases: list[list[int]]) -> list[dict[str, int]]:
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        str(TESTS / "fakes" / "spender.py"),
        url,
        name,
        json.dumps(cases),
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await started.communicate()
    assert started.returncode == 0
    return json.loads(output)


async def test_500_at_once_over_4_processes_overspend_by_one_request_at_most(database: Database) -> None:
    cases = {
        "estimates are right": (100, 1, 1),
        "the last request costs more than is left": (95, 10, 12),
        "one estimate is over the whole budget": (20, 3, 500),
    }
    asked = [[500 // PROCESSES, *case] for case in cases.values()]
    done = await asyncio.gather(*(process(database.app_url, f"p{n}", asked) for n in range(PROCESSES)))
    with psycopg.connect(database.app_url) as connection:
        rows = connection.execute("SELECT account, spent, held FROM caller_ledger").fetchall()
    told = {account: (spent, held) for account, spent, held in rows}
    for (name, (budget, cost, _)), results in zip(cases.items(), zip(*done, strict=True), strict=True):
        served = sum(result["served"] for result in results)
        assert served + sum(result["refused"] for result in results) == 500, name
        assert budget <= served * cost < budget + cost, name
        assert told[f"default/key_{budget}/spend"] == (served * cost * MONEY, {}), name


async def test_without_its_table_the_ledger_says_that_it_is_away(empty_database: Database) -> None:
    async with open_pool(empty_database.app_url) as pool:
        with pytest.raises(LedgerError, match="UndefinedTable"):
            await PostgresLedger(pool, "x").draw(Draw("a", 60, 1, held=0, want=1, least=1))
