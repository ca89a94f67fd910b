"""Callbacks: what wants to know about answers as they are made, without the pipeline knowing who that is."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass

from common.logs import get_logger
from common.metrics import counter
from orchestrator.pipeline.ask import Answer, Ask, Usage
from orchestrator.pipeline.passages import Passage

log = get_logger("callbacks")
FAILURES = counter(
    "callback_failures_total",
    "Callbacks that failed; the answer went out all the same",
    ["hook"],
    at_zero=("on_request", "on_retrieval", "on_generation", "on_response", "on_feedback"),
)

# A callback that waits longer is given up: it may do its work elsewhere, not in the way of an answer.
LONGEST_S = 0.5


@dataclass(frozen=True)
class Retrieval:
    """What retrieval gave: the passages for the prompt, and how the index stood."""

    query: str
    store_ids: Sequence[str]
    passages: Sequence[Passage]
    legs: Sequence[str]
    snapshot: str


@dataclass(frozen=True)
class Generation:
    """What the model did. Times in seconds; `first_token_s` is None when it said nothing."""

    model: str
    text: str
    usage: Usage
    first_token_s: float | None
    total_s: float


@dataclass(frozen=True)
class Feedback:
    """What a person thought of an answer."""

    id: str
    tenant: str
    trace_id: str
    value: float | bool
    rationale: str | None
    user: str | None


class Callback:
    """Override what is of interest. Several can be attached at once; a failing one is counted and changes nothing."""

    async def on_request(self, ask: Ask) -> None:
        """A question has come in and passed the guard."""

    async def on_retrieval(self, ask: Ask, retrieval: Retrieval) -> None:
        """Passages have been found, or none."""

    async def on_generation(self, ask: Ask, generation: Generation) -> None:
        """The model has ended."""

    async def on_response(self, ask: Ask, answer: Answer) -> None:
        """The answer is complete."""

    async def on_feedback(self, feedback: Feedback) -> None:
        """Someone has judged an answer."""


class Callbacks(Callback):
    """Calls each of several callbacks, all at once, and keeps their failures away from the answer."""

    def __init__(self, attached: Iterable[Callback] = ()) -> None:
        self._attached = tuple(attached)

    def attach(self, callback: Callback) -> None:
        """One more, from the next call on."""
        self._attached = (*self._attached, callback)

    async def on_request(self, ask: Ask) -> None:
        """See Callback."""
        await self._call("on_request", [callback.on_request(ask) for callback in self._attached])

    async def on_retrieval(self, ask: Ask, retrieval: Retrieval) -> None:
        """See Callback."""
        await self._call("on_retrieval", [callback.on_retrieval(ask, retrieval) for callback in self._attached])

    async def on_generation(self, ask: Ask, generation: Generation) -> None:
        """See Callback."""
        await self._call("on_generation", [callback.on_generation(ask, generation) for callback in self._attached])

    async def on_response(self, ask: Ask, answer: Answer) -> None:
        """See Callback."""
        await self._call("on_response", [callback.on_response(ask, answer) for callback in self._attached])

    async def on_feedback(self, feedback: Feedback) -> None:
        """See Callback."""
        await self._call("on_feedback", [callback.on_feedback(feedback) for callback in self._attached])

    async def _call(self, hook: str, calls: Sequence[Awaitable[None]]) -> None:
        if calls:
            await asyncio.gather(*(_guarded(hook, call) for call in calls))


async def _guarded(hook: str, call: Awaitable[None]) -> None:
    try:
        await asyncio.wait_for(call, LONGEST_S)
    except Exception as error:
        # Whatever a callback raises, it is the callback's affair; it is counted, and the answer goes on.
        FAILURES.labels(hook).inc()
        log.exception("callback_failed", hook=hook, error=type(error).__name__)
