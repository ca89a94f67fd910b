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

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from common.api_server import ApiServer
from common.live_config import LiveConfig, Snapshot
from common.logs import get_logger
from llm_proxy.ask import Ask, Candidate, Tried, Usage
from llm_proxy.callers import Callers, Lease
from llm_proxy.config import PoolConfig
from llm_proxy.failures import Failure, Next, is_context_length, of_status
from llm_proxy.identity import Identity
from llm_proxy.ledger import FileLedger, Ledger, MemoryLedger
from llm_proxy.limits import retry_after
from llm_proxy.plan import Compiler, Endpoint, ModelPlan, Plan
from llm_proxy.pool_state import PoolState
from llm_proxy.replicas import COUNT_EVERY_S, ReplicaCount
from llm_proxy.router import Reservation, Router

log = get_logger("admission")
LOOK_EVERY_S = 1.0


class Admission:
    """The callers' limits and the endpoints' states, for the configuration in force.

    `workers`: processes of this copy of the pool. `ledger_dir`: where they count together what callers use, when there
    is no `database_url`; with neither, one process counts alone and forgets at its end.
    """

    def __init__(
        self,
        live: LiveConfig[PoolConfig],
        *,
        workers: int = 1,
        ledger_dir: Path | None = None,
        database_url: str | None = None,
        api_server: ApiServer | None = None,
    ) -> None:
        self._live = live
        self._workers = workers
        self._database_url = database_url
        self._owner = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._ledger: Ledger = FileLedger(ledger_dir, self._owner) if ledger_dir else MemoryLedger()
        self._replicas = ReplicaCount(api_server)
        self._identity = Identity()
        self._compiler = Compiler()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._share = live.current.value.replicas.count * workers
        self.plan: Plan = self._compiler.compile(live.current.value, live.current.hash, self._share)
        self.callers = Callers(self.plan, self._ledger)
        self.router = Router(self.plan)
        self._shown = PoolState()
        live.subscribe(self._reloaded)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Keys, the ledger and the count of replicas are looked after while the context is open."""
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            if self._database_url is not None:
                # The driver takes a third of the pool's start, and most pools have no database.
                from common.postgres import open_pool  # noqa: PLC0415
                from llm_proxy.ledger_postgres import PostgresLedger  # noqa: PLC0415

                pool = await stack.enter_async_context(open_pool(self._database_url, max_size=4))
                self.callers.keep_in(PostgresLedger(pool, self._owner))
            tasks = [asyncio.create_task(each(), name=each.__name__) for each in (self._look, self._count)]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await self.callers.close()
                self._loop = None

    async def _look(self) -> None:
        """Keys that changed, tokens that end, limits to tell the ledger: beside the requests, once a second."""
        while True:
            changed = await asyncio.to_thread(self._compiler.keys.refresh)
            changed += await self._identity.refresh(self._compiler.keys.awaited())
            if changed:
                log.info("keys_changed", count=len(changed))
                self._compiler.looked(changed)
                self._serve()
            await self.callers.tend()
            self._shown.show(self.plan)
            self._shown.show_budgets(self.callers.accounts)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _count(self) -> None:
        while True:
            share = await self._replicas.look(self._live.current.value.replicas) * self._workers
            if share != self._share:
                log.info("limits_split", copies=share)
                self._share = share
                self._apply()
            await asyncio.sleep(COUNT_EVERY_S)

    def _reloaded(self, _: Snapshot[PoolConfig]) -> None:
        """LiveConfig calls from a thread; what requests look at changes on their own loop."""
        if self._loop is None:
            self._apply()
        else:
            self._loop.call_soon_threadsafe(self._apply)

    def _apply(self) -> None:
        current = self._live.current
        replicas = current.value.replicas
        if replicas.service is None:
            self._share = replicas.count * self._workers
        self.plan = self._compiler.compile(current.value, current.hash, self._share)
        self.callers.use(self.plan)
        self.router.use(self.plan)
        self._serve()

    def _serve(self) -> None:
        """Something changed for the better, perhaps: those who wait may go on."""
        for model in self.plan.models.values():
            if model.state.interactive or model.state.batch:
                self.router.room.serve(model.state)


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
