"""When all is limited: who is served first, for how long one waits, and what the refusal says."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.deadline import Deadline
from common.errors import ApiError
from fakes.pool_plan import Clock, Timers, ask, config, router
from llm_proxy.ask import Tried
from llm_proxy.failures import Failure
from llm_proxy.router import Reservation, Router

ONE_AT_A_TIME = config([{"limits": {"concurrency": 1}}], lanes={"batch_share": 1})


async def queued(one: Router, lane: str, **more: object) -> "asyncio.Task[Reservation]":
    asked, tried = ask(lane=lane, **more), Tried()
    assert one.reserve(asked, tried) is None
    task = asyncio.create_task(one.wait(asked, tried))
    await asyncio.sleep(0)
    return task


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["interactive", "batch"]), min_size=1, max_size=20), st.data())
def test_interactive_goes_before_batch_and_each_by_arrival(lanes: list[str], data: st.DataObject) -> None:
    async def play() -> None:
        one = router(ONE_AT_A_TIME, Clock())
        holder = one.reserve(ask(), Tried())
        assert holder is not None
        tasks = [await queued(one, lane) for lane in lanes]
        leaving = data.draw(st.sets(st.integers(0, len(lanes) - 1)))
        for n in leaving:
            tasks[n].cancel()
        await asyncio.sleep(0)
        stay = [n for n in range(len(lanes)) if n not in leaving]
        expected = [n for n in stay if lanes[n] == "interactive"] + [n for n in stay if lanes[n] == "batch"]
        served: list[int] = []
        for _ in expected:
            holder.release()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            done = [n for n in stay if tasks[n].done() and n not in served]
            assert len(done) == 1
            served += done
            holder = tasks[done[0]].result()
        assert served == expected
        holder.release()
        assert one.plan.models["m"].endpoints[0].state.in_flight == 0

    asyncio.run(play())


async def test_who_comes_later_does_not_overtake() -> None:
    one = router(ONE_AT_A_TIME, Clock())
    holder = one.reserve(ask(), Tried())
    assert holder is not None
    waiting = await queued(one, "interactive")
    assert one.reserve(ask(), Tried()) is None
    holder.release()
    assert one.reserve(ask(), Tried()) is None
    (await waiting).release()


async def test_an_interactive_request_overtakes_the_batch_lane() -> None:
    clock = Clock(0.0)
    timers = Timers(clock)
    one = router(config([{"limits": {"requests_per_minute": 6}}]), clock, call_later=timers)
    first = one.reserve(ask(), Tried())
    assert first is not None
    waiting = await queued(one, "batch")
    clock.now = 10.3
    place = one.reserve(ask(), Tried())
    assert place is not None
    timers.fire()
    assert not waiting.done()
    clock.now = 21.0
    timers.fire()
    await waiting


async def test_the_wait_ends_at_the_earliest_reset() -> None:
    clock = Clock(0.0)
    timers = Timers(clock)
    one = router(config(2), clock, call_later=timers)
    for endpoint, rest in zip(one.plan.models["m"].endpoints, (9.0, 4.0), strict=True):
        endpoint.state.limited(0.0, rest)
    waiting = await queued(one, "interactive")
    assert timers.next_at() == 4.0
    clock.now = 4.0
    timers.fire()
    place = await waiting
    assert place.endpoint.name == "e1"
    assert place.waited_s == 4.0


async def test_a_reset_beyond_the_deadline_is_refused_at_once_and_truthfully() -> None:
    clock = Clock(0.0)
    one = router(config(2), clock)
    for endpoint, rest in zip(one.plan.models["m"].endpoints, (90.0, 40.5), strict=True):
        endpoint.state.limited(0.0, rest)
    with pytest.raises(ApiError) as refused:
        await one.wait(ask(deadline=Deadline.after(5)), Tried())
    assert refused.value.status == 429
    assert refused.value.headers == {"retry-after": "41", "retry-after-ms": "40500"}


async def test_a_crowd_is_bounded() -> None:
    one = router(config([{"limits": {"concurrency": 1}}], queue={"most_waiting": 2}), Clock())
    holder = one.reserve(ask(), Tried())
    assert holder is not None
    tasks = [await queued(one, "interactive") for _ in range(2)]
    with pytest.raises(ApiError) as refused:
        await one.wait(ask(), Tried())
    assert (refused.value.status, refused.value.headers["retry-after"]) == (429, "1")
    holder.release()
    (await tasks[0]).release()
    (await tasks[1]).release()


async def test_the_deadline_ends_a_wait_that_no_reset_ends() -> None:
    one = router(ONE_AT_A_TIME, Clock())
    holder = one.reserve(ask(), Tried())
    assert holder is not None
    with pytest.raises(ApiError) as refused:
        await one.wait(ask(deadline=Deadline.after(0.01)), Tried())
    assert refused.value.status == 429
    assert not one.plan.models["m"].state.interactive


async def test_a_place_that_comes_as_its_waiter_leaves_goes_to_the_next() -> None:
    one = router(ONE_AT_A_TIME, Clock())
    holder = one.reserve(ask(), Tried())
    assert holder is not None
    first, second = await queued(one, "interactive"), await queued(one, "interactive")
    holder.release()
    first.cancel()
    place = await asyncio.wait_for(second, 5)
    place.release()
    assert one.plan.models["m"].endpoints[0].state.in_flight == 0


async def test_when_all_are_down_it_says_so_rather_than_limited() -> None:
    clock = Clock(0.0)
    one = router(config(1, breaker={"failures": 1, "rest_s": 30}), clock)
    place = one.reserve(ask(), Tried())
    assert place is not None
    place.failed(Failure.NETWORK)
    with pytest.raises(ApiError) as refused:
        await one.wait(ask(deadline=Deadline.after(1)), Tried())
    assert refused.value.status == 503
    assert 24 <= int(refused.value.headers["retry-after"]) <= 36


async def test_behind_a_probe_all_wait_and_its_success_lets_them_in() -> None:
    clock = Clock(0.0)
    one = router(config(1, breaker={"failures": 1, "rest_s": 1}), clock)
    place = one.reserve(ask(), Tried())
    assert place is not None
    place.failed(Failure.NETWORK)
    clock.now = 2.0
    probe = one.reserve(ask(), Tried())
    assert probe is not None
    waiting = await queued(one, "interactive")
    probe.succeeded(0.1)
    probe.release()
    (await waiting).release()
