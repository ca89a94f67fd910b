"""What callers may use: their models, and their limits of requests, tokens, concurrency and spend."""

from common.authenticator import Caller
from common.errors import ApiError
from llm_proxy.ask import Ask, Usage
from llm_proxy.plan import Plan


class Lease:
    """What one request holds of its caller's limits until it is settled."""

    __slots__ = ()

    def settle(self, usage: Usage | None = None, cost: float | None = None) -> None:
        """The call is over. `usage` None: nothing was used; `cost` None: the estimate stays. Once is enough."""


class Callers:
    """The limits of every caller."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def use(self, plan: Plan) -> None:
        """Take another plan into force."""
        self._plan = plan

    def models(self, caller: Caller) -> list[str]:
        """The models that the caller may ask."""
        _ = caller
        return list(self._plan.models)

    def admit(self, ask: Ask) -> Lease | None:
        """The request's share of its caller's limits; None when the ledger must be asked first: `await fund(ask)`.

        Raises ApiError: 404 for a model that the caller may not use, naming those it may; 429 over a limit.
        """
        if ask.model not in self._plan.models:
            raise ApiError(
                404,
                f"The model {ask.model[:80]!r} does not exist. There are: {', '.join(sorted(self._plan.models))}",
                param="model",
                code="model_not_found",
            )
        return Lease()

    async def fund(self, ask: Ask) -> Lease:
        """As `admit`, after asking the ledger; raises ApiError 429."""
        return Lease()
