"""Which endpoint is chosen: weights, priorities that spill over, latency, and never one without room."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.pool_plan import Clock, ask, config, router
from llm_proxy.ask import Tried
from llm_proxy.failures import Failure


def shares(settings: Any, calls: int = 4000, keep: bool = False, **latency: float) -> dict[str, float]:
    clock = Clock()
    one = router(settings, clock, draw=random.Random(7).random)
    seen: Counter[str] = Counter()
    for _ in range(calls):
        place = one.reserve(ask(), Tried())
        if place is None:
            break
        seen[place.endpoint.name] += 1
        if latency:
            place.succeeded(latency[place.endpoint.name])
        if not keep:
            place.release()
    return {name: count / seen.total() for name, count in seen.items()}


def test_traffic_follows_the_weights() -> None:
    found = shares(config([{"weight": 3}, {"weight": 1}]))
    assert found["e0"] == pytest.approx(0.75, abs=0.03)


def test_traffic_follows_the_weights_under_load_too() -> None:
    found = shares(config([{"weight": 3}, {"weight": 1}]), calls=400, keep=True)
    assert found["e0"] == pytest.approx(0.75, abs=0.05)


def test_a_slow_endpoint_gets_less() -> None:
    found = shares(config(2), e0=0.1, e1=2.0)
    assert found["e0"] > 0.95


def test_one_that_was_slow_once_is_tried_again() -> None:
    clock = Clock()
    one = router(config(2), clock, draw=random.Random(7).random)
    e0, e1 = one.plan.models["m"].endpoints
    e0.state.answered(clock.now, 0.1)
    e1.state.answered(clock.now, 9.0)
    clock.now += 59.9
    e0.state.answered(clock.now, 0.1)
    names = {place.endpoint.name for _ in range(50) if (place := one.reserve(ask(), Tried()))}
    assert names == {"e0", "e1"}


def test_the_next_priority_helps_before_the_first_is_full() -> None:
    limits = {"concurrency": 10}
    settings = config([{"limits": limits}, {"limits": limits, "priority": 1}], spill={"at": 0.8})
    one = router(settings, Clock())
    names = [place.endpoint.name for _ in range(20) if (place := one.reserve(ask(), Tried()))]
    assert names[:8] == ["e0"] * 8
    assert names[8:16] == ["e1"] * 8
    assert sorted(names[16:]) == ["e0"] * 2 + ["e1"] * 2
    assert one.reserve(ask(), Tried()) is None


def test_the_batch_lane_leaves_room_for_people() -> None:
    one = router(config([{"limits": {"concurrency": 10}}], lanes={"batch_share": 0.7}), Clock())
    batch = [one.reserve(ask(lane="batch"), Tried()) for _ in range(10)]
    assert sum(place is not None for place in batch) == 7
    assert one.reserve(ask(), Tried()) is not None


def test_without_a_declared_space_only_one_endpoint_embeds() -> None:
    one = router(config(3), Clock())
    assert {one.reserve(ask(operation="embeddings"), Tried()).endpoint.name for _ in range(20)} == {"e0"}  # pyright: ignore
    declared = router(config(3, {"space": {"dimension": 3}}), Clock())
    assert len({declared.reserve(ask(operation="embeddings"), Tried()).endpoint.name for _ in range(50)}) == 3  # pyright: ignore


LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "tokens_per_minute": st.integers(1, 500),
        "requests_per_minute": st.integers(1, 200),
        "concurrency": st.integers(1, 5),
    },
)
EVENTS = st.lists(
    st.tuples(st.floats(0, 20), st.integers(0, 100), st.sampled_from(["keep", "end", "fail", "429"])), max_size=60
)


@given(st.lists(st.tuples(LIMITS, st.integers(0, 2)), min_size=1, max_size=4), EVENTS, st.integers(0, 1000))
def test_what_is_chosen_has_room_and_what_has_room_is_found(
    endpoints: list[tuple[dict[str, int], int]], events: list[tuple[float, int, str]], seed: int
) -> None:
    clock = Clock()
    one = router(
        config([{"limits": limits, "priority": priority} for limits, priority in endpoints]),
        clock,
        draw=random.Random(seed).random,
    )
    states = {endpoint.name: endpoint.state for endpoint in one.plan.models["m"].endpoints}
    for gap, tokens, end in events:
        clock.now += gap
        free = {name for name, state in states.items() if state.free_at(clock.now, tokens, 1.0) <= clock.now}
        reasons = {name for name, state in states.items() if not state.reason(clock.now, tokens, 1.0)}
        assert free == reasons
        place = one.reserve(ask(prompt_tokens=tokens, max_tokens=0), Tried())
        assert (place is None) == (not free)
        if place is None:
            continue
        assert place.endpoint.name in free
        if end == "fail":
            place.failed(Failure.SERVER_ERROR)
        elif end == "429":
            place.failed(Failure.LIMITED, 3.0)
        elif end == "end":
            place.succeeded(0.1)
        if end != "keep":
            place.release()
