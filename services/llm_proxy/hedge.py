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
        leader = make()
        first = asyncio.ensure_future(leader.whole())
        second: asyncio.Future[Served] | None = None
        try:
            await asyncio.wait({first}, timeout=settings.after_s)
            if first.done() or not budget.spend(loop.time()):
                return await first
            follower = make()
            # Not where the first call is waiting.
            follower.tried.model = leader.tried.model
            follower.tried.endpoints = [*leader.tried.endpoints, *leader.places]
            if not follower.could_begin():
                return await first
            second = asyncio.ensure_future(follower.whole())
            await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
            for winner, name in ((first, "first"), (second, "second")):
                if winner.done() and _good(winner):
                    HEDGES.labels(model.name, name).inc()
                    return await winner
            # The one that ended did not end well: the other has the word.
            ended, other = (first, second) if first.done() else (second, first)
            try:
                return await other
            except ApiError:
                return await ended
        finally:
            for task in (first, second):
                if task is not None and not task.done():
                    task.cancel()
            await asyncio.gather(*(task for task in (first, second) if task is not None), return_exceptions=True)


def _good(task: "asyncio.Future[Served]") -> bool:
    return task.exception() is None and task.result().verdict.failure is None
