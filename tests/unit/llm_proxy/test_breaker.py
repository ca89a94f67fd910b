"""The breaker as a state machine: whatever happens, one probe at a time, and it always comes back."""

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from llm_proxy.breaker import CLOSED, HALF_OPEN, JITTER, OPEN, Breaker
from llm_proxy.config import Breaker as Settings

SETTINGS = Settings(failures=3, rest_s=2, longest_rest_s=60)


class BreakerMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(random.Random(1))
        self.now = 0.0
        self.calls: list[bool] = []
        """The calls under way: whether each is a probe."""
        self.in_a_row = 0

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_call_begins(self) -> None:
        free_at = self.breaker.free_at()
        if free_at is not None and free_at <= self.now:
            self.calls.append(self.breaker.begin(self.now))

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def a_call_succeeds(self, data: st.DataObject) -> None:
        probe = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        was = self.breaker.state
        self.breaker.succeeded(probe)
        if probe or was == CLOSED:
            self.in_a_row = 0
            assert self.breaker.state == CLOSED
        else:
            assert self.breaker.state == was

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def a_call_fails(self, data: st.DataObject) -> None:
        probe = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        was, until = self.breaker.state, self.breaker.until
        self.breaker.failed(probe, self.now, SETTINGS)
        if probe:
            assert self.breaker.state == OPEN
        elif was == CLOSED:
            self.in_a_row += 1
            assert (self.breaker.state == OPEN) == (self.in_a_row >= SETTINGS.failures)
        else:
            assert (self.breaker.state, self.breaker.until) == (was, until)
        if self.breaker.state == OPEN:
            self.in_a_row = 0

    @precondition(lambda self: True in self.calls)
    @rule()
    def the_caller_of_the_probe_leaves(self) -> None:
        self.calls.remove(True)
        self.breaker.abandoned(self.now)
        assert self.breaker.free_at() == self.now

    @invariant()
    def a_probe_is_out_exactly_while_half_open(self) -> None:
        assert self.calls.count(True) == (1 if self.breaker.state == HALF_OPEN else 0)

    @invariant()
    def no_rest_is_longer_than_the_longest(self) -> None:
        if self.breaker.state == OPEN:
            assert self.breaker.until <= self.now + SETTINGS.longest_rest_s * (1 + JITTER)


BreakerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBreaker = BreakerMachine.TestCase


def test_rests_double_up_to_the_longest() -> None:
    breaker, now, rests = Breaker(random.Random(1)), 0.0, []
    for _ in range(3):
        breaker.failed(False, now, SETTINGS)
    for _ in range(8):
        rests.append(breaker.until - now)
        now = breaker.until
        assert breaker.begin(now)
        breaker.failed(True, now, SETTINGS)
    for n, rest in enumerate(rests):
        assert abs(rest / min(60, 2 * 2**n) - 1) <= JITTER + 1e-9
