"""The queue before the model: questions first, nothing lost, nothing out of order, nothing done for those who left."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import ApiError
from common.key_file import Lane
from local_models import scheduler as module
from local_models.scheduler import QUESTION_TOKENS, SLICE_TOKENS, Scheduler

LONG = QUESTION_TOKENS + 1
PATIENCE_S = 10.0


class Model:
    """Stands for an encoder: its hidden states are the ids themselves, and it can be held in the middle of a pass."""

    def __init__(self, name: str = "fake") -> None:
        self.name = name
        self.open = threading.Event()
        self.open.set()
        self.passes: list[list[list[int]]] = []
        self.error: Exception | None = None

    def hidden(self, sequences: Sequence[Sequence[int]]) -> list[np.ndarray]:
        self.passes.append([list(ids) for ids in sequences])
        assert self.open.wait(PATIENCE_S)
        if self.error is not None:
            raise self.error
        return [np.array([ids]).T for ids in sequences]

    def first_ids(self) -> list[int]:
        return [ids[0] for sequences in self.passes for ids in sequences]


def identity(hidden: np.ndarray) -> list[int]:
    return hidden[:, 0].tolist()


async def passing(model: Model, count: int) -> None:
    """Wait until so many passes have begun."""
    async with asyncio.timeout(PATIENCE_S):
        while len(model.passes) < count:
            await asyncio.sleep(0.001)


def sequence(first: int, length: int) -> list[int]:
    return [first] + [0] * (length - 1)


@pytest.fixture
async def one_core() -> AsyncIterator[Scheduler]:
    scheduler = Scheduler(cores=1)
    yield scheduler
    scheduler.close()


@pytest.fixture
def model() -> Model:
    return Model()


@settings(max_examples=40, deadline=None)
@given(
    requests=st.lists(
        st.tuples(
            st.lists(st.integers(1, 2 * SLICE_TOKENS), min_size=0, max_size=30),
            st.sampled_from(["interactive", "batch"]),
        ),
        max_size=6,
    ),
    cores=st.integers(1, 3),
)
def test_everyone_gets_their_own_results_in_order(requests: list[tuple[list[int], str]], cores: int) -> None:
    async def run() -> None:
        model, scheduler, number = Model(), Scheduler(cores), iter(range(1, 1000))
        asked = [[sequence(next(number), length) for length in lengths] for lengths, _ in requests]
        calls = [
            scheduler.run(model, sequences, identity, lane)
            for sequences, (_, lane) in zip(asked, requests, strict=True)
        ]
        assert await asyncio.gather(*calls) == asked
        assert scheduler._queued == {"interactive": 0, "batch": 0}
        scheduler.close()
        for sequences in model.passes:
            size = max(map(len, sequences)) * len(sequences)
            assert size <= SLICE_TOKENS or len(sequences) == 1

    asyncio.run(run())


async def test_a_question_does_not_wait_for_the_pass_of_a_batch(one_core: Scheduler, model: Model) -> None:
    held = Model("held")
    held.open.clear()
    batch = asyncio.create_task(one_core.run(held, [sequence(1, LONG)], identity, "batch"))
    await passing(held, 1)
    async with asyncio.timeout(PATIENCE_S / 2):
        assert await one_core.run(model, [[7]], identity, "interactive") == [[7]]
    assert not batch.done()
    held.open.set()
    await batch


@pytest.mark.parametrize(("lane", "order"), [("batch", [1, 1, 1, 2, 2, 2]), ("interactive", [1, 1, 2, 1, 2, 2])])
async def test_batches_end_one_after_the_other_and_people_take_turns(
    one_core: Scheduler, model: Model, lane: Lane, order: list[int]
) -> None:
    requests = [[sequence(number, SLICE_TOKENS)] * 3 for number in (1, 2)]
    await asyncio.gather(*(one_core.run(model, sequences, identity, lane) for sequences in requests))
    assert model.first_ids() == order


async def test_questions_before_interactive_work_before_batches(one_core: Scheduler, model: Model) -> None:
    model.open.clear()
    running = [asyncio.create_task(one_core.run(model, [sequence(1, LONG)], identity, "batch"))]
    await passing(model, 1)
    running.append(asyncio.create_task(one_core.run(model, [[2]], identity, "interactive")))
    await passing(model, 2)  # the core and the thread for questions are busy now
    waiting = [
        ("batch", sequence(5, SLICE_TOKENS)),
        ("interactive", sequence(4, SLICE_TOKENS)),
        ("interactive", sequence(3, 1)),
    ]
    for lane, ids in waiting:
        running.append(asyncio.create_task(one_core.run(model, [ids], identity, lane)))
        await asyncio.sleep(0)
    model.open.set()
    await asyncio.gather(*running)
    assert model.first_ids() == [1, 2, 3, 4, 5]


async def test_a_small_request_is_not_stuck_behind_a_large_one(one_core: Scheduler, model: Model) -> None:
    model.open.clear()
    large = asyncio.create_task(one_core.run(model, [sequence(1, SLICE_TOKENS)] * 10, identity, "interactive"))
    await passing(model, 1)
    small = asyncio.create_task(one_core.run(model, [sequence(2, SLICE_TOKENS)], identity, "interactive"))
    await asyncio.sleep(0)
    model.open.set()
    await asyncio.gather(large, small)
    assert model.first_ids().index(2) <= 3
    assert (len(large.result()), len(small.result())) == (10, 1)


async def test_a_full_queue_refuses_and_says_when_to_come_back(
    one_core: Scheduler, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_TOKENS", 10 * SLICE_TOKENS)
    model.open.clear()
    first = asyncio.create_task(one_core.run(model, [sequence(1, SLICE_TOKENS)] * 9, identity, "batch"))
    await passing(model, 1)
    with pytest.raises(ApiError) as refused:
        await one_core.run(model, [sequence(2, SLICE_TOKENS)] * 3, identity, "batch")
    assert (refused.value.status, refused.value.code) == (429, "queue_full")
    assert int(refused.value.headers["retry-after"]) >= 1
    # The lanes have queues of their own, and a full one does not make the pod unready for the other.
    question = asyncio.create_task(one_core.run(model, [[3]], identity, "interactive"))
    assert one_core.saturated() is None
    model.open.set()
    assert await question == [[3]]
    assert len(await first) == 9


async def test_too_many_waiting_questions_make_it_unready(
    one_core: Scheduler, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "QUEUE_TOKENS", 10 * SLICE_TOKENS)
    model.open.clear()
    waiting = asyncio.create_task(one_core.run(model, [sequence(1, SLICE_TOKENS)] * 8, identity, "interactive"))
    await passing(model, 1)
    assert f"{7 * SLICE_TOKENS} tokens are waiting" == one_core.saturated()
    model.open.set()
    await waiting
    assert one_core.saturated() is None


async def test_what_nobody_waits_for_is_not_computed(one_core: Scheduler, model: Model) -> None:
    model.open.clear()
    left = asyncio.create_task(one_core.run(model, [sequence(1, SLICE_TOKENS)] * 50, identity, "interactive"))
    await passing(model, 1)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    assert one_core._queued["interactive"] == 0
    model.open.set()
    assert await one_core.run(model, [[2]], identity, "interactive") == [[2]]
    assert model.first_ids() == [1, 2]


async def test_a_failure_reaches_its_caller_and_only_them(one_core: Scheduler, model: Model) -> None:
    broken = Model("broken")
    broken.error = RuntimeError("out of memory")
    failing = one_core.run(broken, [sequence(1, SLICE_TOKENS)] * 3, identity, "batch")
    well = one_core.run(model, [[2]], identity, "batch")
    failed, served = await asyncio.gather(failing, well, return_exceptions=True)
    assert isinstance(failed, RuntimeError)
    assert str(failed) == "out of memory"
    assert served == [[2]]
    assert one_core._queued["batch"] == 0
    broken.error = None
    assert await one_core.run(broken, [[3]], identity, "batch") == [[3]]


async def test_two_models_never_share_a_pass(one_core: Scheduler, model: Model) -> None:
    other = Model("other")
    results = await asyncio.gather(
        *(one_core.run(m, [[n]], identity, "batch") for n, m in enumerate([model, other, model, other], 1))
    )
    assert results == [[[1]], [[2]], [[3]], [[4]]]
    assert sorted(model.first_ids()) == [1, 3]
    assert sorted(other.first_ids()) == [2, 4]
