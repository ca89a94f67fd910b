"""The ledger: whatever processes do, they never hold and use more than there is, and the dead are buried."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from llm_proxy.ledger import DEAD_AFTER_S, Account, Draw, FileLedger, LedgerError, MemoryLedger

LIMIT = 100
OWNERS = ("a", "b", "c")


class Slices(RuleBasedStateMachine):
    """Three processes that draw, use, give back and die."""

    def __init__(self) -> None:
        super().__init__()
        self.account = Account()
        self.now = 1000.0
        self.idle = dict.fromkeys(OWNERS, 0)
        self.untold = dict.fromkeys(OWNERS, 0)
        self.used = 0

    def tell(self, owner: str, want: int = 0, least: int = 0) -> int:
        draw = Draw("x", 960, LIMIT, held=self.idle[owner], spent=self.untold[owner], want=want, least=least)
        self.untold[owner] = 0
        grant = self.account.draw(owner, draw, self.now)
        self.idle[owner] += grant.units
        return grant.units

    @rule(owner=st.sampled_from(OWNERS), want=st.integers(0, 60), least=st.integers(1, 40))
    def draws(self, owner: str, want: int, least: int) -> None:
        units = self.tell(owner, want, least)
        assert units == 0 or units >= least

    @rule(owner=st.sampled_from(OWNERS), part=st.floats(0, 1))
    def uses(self, owner: str, part: float) -> None:
        units = int(self.idle[owner] * part)
        self.idle[owner] -= units
        self.untold[owner] += units
        self.used += units

    @rule(owner=st.sampled_from(OWNERS))
    def gives_back(self, owner: str) -> None:
        self.idle[owner] = 0
        self.tell(owner)
        assert owner not in self.account.held

    @rule(owner=st.sampled_from(OWNERS))
    def dies(self, owner: str) -> None:
        for other in OWNERS:
            self.tell(other)
        self.now += DEAD_AFTER_S / 2
        for other in OWNERS:
            if other != owner:
                self.tell(other)
        self.now += DEAD_AFTER_S / 2 + 1
        for other in OWNERS:
            if other != owner:
                self.tell(other)
        self.idle[owner] = 0

    @invariant()
    def never_more_than_there_is(self) -> None:
        assert self.used + sum(self.idle.values()) <= LIMIT


Slices.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestSlices = Slices.TestCase


def test_all_that_is_left_goes_to_one_who_is_alone() -> None:
    account = Account()
    account.draw("a", Draw("x", 60, LIMIT, held=0, spent=95), 100.0)
    ask = Draw("x", 60, LIMIT, held=0, want=50, least=50, alone=True)
    grant = account.draw("a", ask, 100.0)
    assert (grant.units, grant.alone) == (5, True)
    assert account.draw("b", ask, 100.0).units == 0
    account.draw("a", Draw("x", 60, LIMIT, held=0, spent=30), 100.0)
    assert account.draw("b", ask, 100.0).units == 0


def test_a_new_period_begins_afresh_and_a_late_clock_follows() -> None:
    account = Account()
    assert account.draw("a", Draw("x", 60, LIMIT, held=0, spent=100, want=10, least=10), 100.0).units == 0
    assert account.draw("a", Draw("x", 120, LIMIT, held=0, want=10, least=10), 121.0).units == 10
    late = account.draw("b", Draw("x", 60, LIMIT, held=7, spent=7, want=10, least=10), 121.0)
    assert (late.units, late.period, account.spent) == (10, 120, 0)


def test_places_of_the_dead_are_free_again_but_their_money_is_spent() -> None:
    places, budget = Account(), Account()
    places.draw("a", Draw("x", 0, 1, held=0, want=1, least=1), 0.0)
    budget.draw("a", Draw("x", 60, 1, held=0, want=1, least=1), 60.0)
    assert places.draw("b", Draw("x", 0, 1, held=0, want=1, least=1), DEAD_AFTER_S + 1).units == 1
    assert budget.draw("b", Draw("x", 60, 1, held=0, want=1, least=1), 61.0 + DEAD_AFTER_S).units == 0


async def test_two_processes_share_a_folder(tmp_path: Path) -> None:
    one, two = FileLedger(tmp_path, "one"), FileLedger(tmp_path, "two")
    draw = Draw("t/k/requests", 60, 10, held=0, want=8, least=8)
    assert (await one.draw(draw)).units == 8
    assert (await two.draw(draw)).units == 0
    await one.draw(Draw("t/k/requests", 60, 10, held=0, spent=1))
    assert (await two.draw(draw)).units == 8


async def test_a_damaged_account_is_not_an_empty_one(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path, "one")
    await ledger.draw(Draw("x", 60, 10, held=0, want=8, least=8))
    file = next(tmp_path.iterdir())
    for damage in ("{", "[]", '{"period": 1}'):
        file.write_text(damage)
        with pytest.raises(LedgerError):
            await ledger.draw(Draw("x", 60, 10, held=0, want=8, least=8))


def test_one_process_alone_gets_everything_at_once() -> None:
    grant = asyncio.run(MemoryLedger().draw(Draw("x", 60, 100, held=0, want=100, least=1)))
    assert (grant.units, grant.left) == (100, 0)
