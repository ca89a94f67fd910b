"""Callbacks watch; whatever they do, the answer is not theirs to break."""

import asyncio

import pytest

from orchestrator.pipeline import callbacks
from orchestrator.pipeline.callbacks import FAILURES, Callback, Callbacks, Feedback

WORD = Feedback("fb_1", "default", "0" * 32, True, None, None)


class Recording(Callback):
    def __init__(self) -> None:
        self.seen: list[Feedback] = []

    async def on_feedback(self, feedback: Feedback) -> None:
        self.seen.append(feedback)


class Failing(Callback):
    async def on_feedback(self, feedback: Feedback) -> None:
        raise RuntimeError("broken")


class Stuck(Callback):
    async def on_feedback(self, feedback: Feedback) -> None:
        await asyncio.Event().wait()


def failures() -> float:
    return FAILURES.labels("on_feedback")._value.get()


async def test_several_are_called_and_a_failing_one_is_counted() -> None:
    first, last = Recording(), Recording()
    before = failures()
    await Callbacks([first, Failing(), last]).on_feedback(WORD)
    assert first.seen == last.seen == [WORD]
    assert failures() == before + 1


async def test_one_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "LONGEST_S", 0.01)
    before = failures()
    async with asyncio.timeout(10):
        await Callbacks([Stuck()]).on_feedback(WORD)
    assert failures() == before + 1


async def test_the_request_being_cancelled_is_no_failure_of_a_callback() -> None:
    before = failures()
    task = asyncio.create_task(Callbacks([Stuck()]).on_feedback(WORD))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert failures() == before
