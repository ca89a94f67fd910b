"""All decisions of the pool in one place: who may ask, where a call goes, what an answer costs.

For each request, in this order::

    tried = Tried()
    lease = admission.callers.admit(ask) or await admission.callers.fund(ask)
    try:
        while True:
            place = admission.router.reserve(ask, tried) or await admission.router.wait(ask, tried)
            try:
                ...  # send to place.endpoint.urls[ask.operation] with the header place.auth
                place.learn(headers)
                place.succeeded(first_byte_s)
                break
            except …:  # before the first byte of content
                if place.failed(Failure.NETWORK) is Next.STOP:
                    raise
            finally:
                place.release()
    finally:
        lease.settle(usage, place.endpoint.price.cost(usage))
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from common.live_config import LiveConfig, Snapshot
from llm_proxy.ask import Ask, Candidate, Tried, Usage
from llm_proxy.callers import Callers, Lease
from llm_proxy.config import PoolConfig
from llm_proxy.failures import Failure, Next, is_context_length, of_status
from llm_proxy.limits import retry_after
from llm_proxy.plan import Compiler, Endpoint, ModelPlan, Plan
from llm_proxy.router import Reservation, Router


class Admission:
    """The callers' limits and the endpoints' states, for the configuration in force."""

    def __init__(self, live: LiveConfig[PoolConfig]) -> None:
        self._live = live
        self._compiler = Compiler()
        self.plan: Plan = self._compiler.compile(live.current.value, live.current.hash)
        self.callers = Callers(self.plan)
        self.router = Router(self.plan)
        live.subscribe(self._reloaded)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Keys, the ledger and the count of replicas are looked after while the context is open."""
        yield

    def _reloaded(self, snapshot: Snapshot[PoolConfig]) -> None:
        self.plan = self._compiler.compile(snapshot.value, snapshot.hash)
        self.callers.use(self.plan)
        self.router.use(self.plan)


__all__ = [
    "Admission",
    "Ask",
    "Callers",
    "Candidate",
    "Endpoint",
    "Failure",
    "Lease",
    "ModelPlan",
    "Next",
    "Plan",
    "Reservation",
    "Router",
    "Tried",
    "Usage",
    "is_context_length",
    "of_status",
    "retry_after",
]
