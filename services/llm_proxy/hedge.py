"""A second call for a first one that is slow, for models that allow it: the first good answer wins."""

import asyncio
from collections.abc import Callable

from common.errors import ApiError
from llm_proxy.admission import Ask, ModelPlan
from llm_proxy.config import Hedge as HedgeSettings
from llm_proxy.failures import RetryBudget
from llm_proxy.observation import HEDGES
from llm_proxy.relay import Relay, Served


class Hedger:
    """Keeps second calls to their share of the requests that could have one."""

    def __init__(self) -> None:
        self._budgets: dict[str, RetryBudget] = {}

    def allows(self, ask: Ask, model: ModelPlan, settings: HedgeSettings) -> bool:
        """Whether the request may have a second call: the model allows it, it is short, there is another endpoint."""
        if not model.hedge or len(model.endpoints) < 2:
            return False
        answer = 0 if ask.operation in ("embeddings", "rerank") else ask.max_tokens or model.default_max_tokens
        return ask.prompt_tokens + answer <= settings.most_tokens

    async def first_of_two(
        self, ask: Ask, model: ModelPlan, settings: HedgeSettings, make: Callable[[], Relay]
    ) -> Served:
        """The answer of whichever call ends first and well. The other is cancelled, which closes its connection."""
        loop = asyncio.get_running_loop()
        budget = self._budgets.get(model.name)
        if budget is None:
            budget = self._budgets[model.name] = RetryBudget(settings.share, 1, loop.time())
        budget.share = settings.share
        budget.earn(loop.time())
        return await _Race(budget, make, model.name).run(settings.after_s)


class _Race:
    """The first call runs in the request's own task: as good as always it is quick, and then all this cost a timer."""

    def __init__(self, budget: RetryBudget, make: Callable[[], Relay], model: str) -> None:
        self._budget = budget
        self._make = make
        self._model = model
        self._loop = asyncio.get_running_loop()
        self._leader = make()
        self._second: asyncio.Task[Served] | None = None
        self._won = False

    async def run(self, after_s: float) -> Served:
        """The answer that is passed on; raises ApiError when both fail."""
        task = asyncio.current_task()
        assert task is not None
        timer = self._loop.call_later(after_s, self._begin_second, task)
        try:
            first = await self._leader.whole()
        except asyncio.CancelledError:
            # Either the second has won, or the caller has left.
            if not self._won or task.uncancel() or self._second is None:
                raise
            HEDGES.labels(self._model, "second").inc()
            return self._second.result()
        except ApiError:
            if self._second is None:
                raise
            return await self._second
        else:
            if self._second is not None:
                if first.verdict.failure is not None:
                    return await self._second
                HEDGES.labels(self._model, "first").inc()
            return first
        finally:
            timer.cancel()
            if self._second is not None and not self._second.done():
                self._second.cancel()
                await asyncio.gather(self._second, return_exceptions=True)

    def _begin_second(self, task: "asyncio.Task[object]") -> None:
        follower = self._make()
        # Not where the first call is waiting.
        follower.tried.model = self._leader.tried.model
        follower.tried.endpoints = [*self._leader.tried.endpoints, *self._leader.places]
        if not follower.could_begin() or not self._budget.spend(self._loop.time()):
            return
        self._second = self._loop.create_task(follower.whole())
        self._second.add_done_callback(lambda second: self._ended(second, task))

    def _ended(self, second: "asyncio.Task[Served]", task: "asyncio.Task[object]") -> None:
        if not second.cancelled() and _good(second) and not task.done() and self._leader.waits:
            self._won = True
            task.cancel()


def _good(task: "asyncio.Task[Served]") -> bool:
    return task.exception() is None and task.result().verdict.failure is None
