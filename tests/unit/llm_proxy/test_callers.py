"""Callers' limits: what a key may use, what it is told when it is over, and that a crowd overspends by one at most."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.deadline import Deadline
from common.errors import ApiError
from fakes.pool_plan import Clock, ask, caller, config, plan
from llm_proxy.ask import Ask, Usage
from llm_proxy.callers import Callers, Lease
from llm_proxy.ledger import Draw, FileLedger, Grant, Ledger, LedgerError

PRICE = {"models": {"m": {"input": 0, "output": 1_000_000}}}  # one unit of money for a token of an answer


def callers(limits: dict[str, Any], clock: Clock, ledger: Ledger | None = None, **more: Any) -> Callers:
    settings = config(1, callers={"default": limits, **more}, prices=PRICE)
    return Callers(plan(settings, clock), ledger, clock=clock, wall=clock, ask_again_s=0.001)


async def admit(one: Callers, asked: Ask) -> Lease:
    return one.admit(asked) or await one.fund(asked)


async def refused(one: Callers, asked: Ask) -> ApiError:
    with pytest.raises(ApiError) as error:
        await admit(one, asked)
    return error.value


async def test_a_key_without_limits_is_never_asked_about() -> None:
    one = callers({}, Clock())
    assert one.admit(ask()) is not None


async def test_requests_per_minute_and_when_the_next_is_welcome() -> None:
    clock = Clock(600.0)
    one = callers({"requests_per_minute": 3}, clock)
    for _ in range(3):
        (await admit(one, ask())).settle()
    clock.now = 642.5
    error = await refused(one, ask())
    assert (error.status, error.code) == (429, "rate_limit_exceeded")
    assert error.headers == {"retry-after": "18", "retry-after-ms": "17500"}
    clock.now = 660.0
    assert await admit(one, ask())


async def test_tokens_are_counted_as_they_were_used_once_that_is_known() -> None:
    clock = Clock(600.0)
    one = callers({"tokens_per_minute": 100}, clock)
    lease = await admit(one, ask(prompt_tokens=40, max_tokens=50))
    assert (await refused(one, ask(prompt_tokens=20, max_tokens=0))).status == 429
    lease.settle(Usage(40, 10))
    lease.settle(Usage(40, 10))
    assert await admit(one, ask(prompt_tokens=50, max_tokens=0))
    assert (await refused(one, ask(prompt_tokens=1, max_tokens=0))).status == 429


async def test_a_request_over_the_whole_limit_may_go_alone() -> None:
    one = callers({"tokens_per_minute": 100}, Clock(600.0))
    assert await admit(one, ask(prompt_tokens=500))
    assert (await refused(one, ask(prompt_tokens=500))).status == 429


async def test_requests_at_the_same_time() -> None:
    one = callers({"concurrency": 2}, Clock())
    first, _ = await admit(one, ask()), await admit(one, ask())
    assert (await refused(one, ask())).headers["retry-after"] == "1"
    first.settle(None)
    first.settle(None)
    await admit(one, ask())
    assert (await refused(one, ask())).status == 429


async def test_a_spent_budget_says_when_the_next_begins() -> None:
    clock = Clock(86_400.0 * 10 + 3600)
    one = callers({"spend": {"amount": 10, "per": "day"}}, clock)
    (await admit(one, ask(max_tokens=10))).settle(Usage(0, 10))
    error = await refused(one, ask(max_tokens=1))
    assert (error.status, error.code, error.headers["retry-after"]) == (429, "insufficient_quota", str(23 * 3600))
    clock.now = 86_400.0 * 11
    assert await admit(one, ask(max_tokens=10))


async def test_a_failed_call_costs_nothing() -> None:
    one = callers({"spend": {"amount": 10}}, Clock())
    for _ in range(5):
        (await admit(one, ask(max_tokens=10))).settle(None)


async def test_limits_of_the_key_go_before_its_tenants_and_those_before_the_default() -> None:
    one = callers(
        {"requests_per_minute": 1},
        Clock(),
        tenants={"big": {"requests_per_minute": 2}},
        keys={"key_9": {"requests_per_minute": 3}, "nightly": {"requests_per_minute": 4}},
    )
    for who, allowed in (
        (caller("key_1"), 1),
        (caller("key_2", "big"), 2),
        (caller("key_3", "big"), 2),
        (caller("key_9", "big"), 3),
        (caller("key_4", "big", "nightly"), 4),
    ):
        for _ in range(allowed):
            await admit(one, ask(caller=who))
        assert (await refused(one, ask(caller=who))).status == 429


async def test_a_model_that_the_key_may_not_use_is_not_told_of() -> None:
    endpoints = [{"name": "x", "url": "http://x.test/v1"}]
    both = {"models": {"a": {"endpoints": endpoints}, "b": {"endpoints": endpoints}}}
    settings = type(config()).model_validate({**both, "callers": {"default": {"models": ["a"]}}})
    one = Callers(plan(settings, Clock()))
    for model in ("b", "c"):
        error = await refused(one, ask(model=model))
        assert error.status == 404
        assert error.message == f"The model '{model}' does not exist. There are: a"
    assert one.may_use(caller()) == ["a"]


async def test_a_reload_changes_the_limit_and_forgets_nothing() -> None:
    clock = Clock(600.0)
    one = callers({"requests_per_minute": 3}, clock)
    for _ in range(3):
        await admit(one, ask())
    one.use(plan(config(1, callers={"default": {"requests_per_minute": 5}}), clock))
    for _ in range(2):
        await admit(one, ask())
    assert (await refused(one, ask())).status == 429


async def test_what_was_given_to_one_alone_and_went_back_meanwhile_is_not_taken_twice(tmp_path: Path) -> None:
    clock = Clock(600.0)
    ledger = FileLedger(tmp_path, "one", clock)
    one = callers({"spend": {"amount": 10}}, clock, ledger)
    asked = ask(max_tokens=50)
    account = one._account(asked.caller)
    model = one._plan.models["m"]
    alone, _ = await one._fill(account, asked, model)
    assert alone is account.spend and alone is not None
    await one.close()
    assert one._take(account, asked, model, alone) is None


class Away:
    """A ledger that does not answer."""

    slices = 50

    async def draw(self, draw: Draw) -> Grant:
        raise LedgerError("away")


async def test_while_the_ledger_is_away_rates_hold_and_budgets_are_not_handed_out() -> None:
    rates = callers({"requests_per_minute": 2}, Clock(), Away())
    for _ in range(2):
        await admit(rates, ask())
    assert (await refused(rates, ask())).status == 429
    assert (await refused(callers({"spend": {"amount": 5}}, Clock(), Away()), ask())).status == 503


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 60),
    st.integers(1, 12),
    st.one_of(st.none(), st.integers(12, 200)),
    st.integers(1, 3),
)
def test_a_crowd_overspends_by_one_request_at_most(budget: int, cost: int, maximum: int | None, workers: int) -> None:
    """Several processes, many requests at once, estimates far above what they cost: all is used, and one too much."""

    async def play(folder: Path) -> None:
        clock = Clock(600.0)
        pools = [
            callers({"spend": {"amount": budget}}, clock, FileLedger(folder, f"w{n}", clock)) for n in range(workers)
        ]
        spent = 0

        async def one(pool: Callers) -> None:
            nonlocal spent
            try:
                lease = await admit(pool, ask(max_tokens=maximum or cost, deadline=Deadline.after(30)))
            except ApiError as error:
                assert error.status == 429
                return
            await asyncio.sleep(0)
            spent += cost
            lease.settle(Usage(0, cost))

        async def look_after(pool: Callers) -> None:
            while True:
                await pool.tend()
                await asyncio.sleep(0.001)

        tending = [asyncio.create_task(look_after(pool)) for pool in pools]
        await asyncio.gather(*(one(pools[n % workers]) for n in range(80)))
        for task in tending:
            task.cancel()
        for pool in pools:
            await pool.close()
        assert spent < budget + cost
        assert spent >= min(budget, 80 * cost)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))


async def test_another_budget_is_in_force_before_its_caller_asks_again() -> None:
    clock = Clock()
    one = callers({"spend": {"amount": 100, "per": "day"}}, clock)
    (await admit(one, ask(max_tokens=100))).settle(Usage(0, 90))
    (account,) = one.accounts

    def budget(amount: int | None) -> None:
        limits = {} if amount is None else {"spend": {"amount": amount, "per": "day"}}
        one.use(plan(config(1, callers={"default": limits}, prices=PRICE), clock))

    budget(300)
    assert account.spend is not None
    assert account.spend.used / account.spend.limit == pytest.approx(0.3)
    budget(None)
    assert account.spend is None


async def test_a_budget_that_is_overspent_is_shown_as_used_up() -> None:
    one = callers({"spend": {"amount": 100, "per": "day"}}, Clock())
    (await admit(one, ask(max_tokens=100))).settle(Usage(0, 130))
    assert (await refused(one, ask(max_tokens=10))).code == "insufficient_quota"
    (account,) = one.accounts
    assert account.spend is not None
    assert account.spend.used == account.spend.limit
