"""What a tenant may hold and ask: its quotas as the tunables say now, held over all replicas by the database."""

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import Annotated, Any

import psycopg
import psycopg_pool
from fastapi import Depends, Request

from common.auth import Caller, CallerDep
from common.errors import ApiError
from common.live_config import LiveConfig
from common.logs import get_logger
from common.metrics import counter
from common.postgres import Pool, tenant_transaction
from orchestrator.tunables import OrchestratorTunables, TenantQuota
from vector_store.catalog import Catalog
from vector_store.errors import QuotaError
from vector_store.models import Quota, Scope

log = get_logger("quotas")
REFUSED = counter(
    "quota_refused_total", "Requests refused because a tenant's quota was used up", ["limit"], at_zero=["requests"]
)
UNCHECKED = counter("quota_unchecked_total", "Requests let through because the database could not count them")

# A process takes requests of the minute in slices, so that most are admitted without asking the database.
SLICES = 50
# A request does not wait longer for its admission; when the database is away, what needs it fails by itself.
LONGEST_WAIT_S = 2.0


@dataclass
class _Slice:
    """What this process has taken of a tenant's minute. `ends` is on this process's clock."""

    limit: int
    left: int = 0
    taken: int = 0
    ends: float = 0.0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Quotas:
    """Every tenant's quotas."""

    def __init__(self, live: LiveConfig[OrchestratorTunables], database: Pool, catalog: Catalog) -> None:
        self._live = live
        self._database = database
        self._catalog = catalog
        self._slices: dict[str, _Slice] = {}

    def of(self, tenant: str) -> TenantQuota:
        """The tenant's own, else everybody's."""
        tunables = self._live.current.value
        return tunables.quotas.get(tenant, tunables.quota)

    def stored(self, tenant: str) -> Quota:
        """The part that the store holds it to."""
        quota = self.of(tenant)
        return Quota(quota.documents, quota.bytes)

    async def require_room(self, scope: Scope, least_bytes: int) -> None:
        """Refuse early what would be refused when it is stored; raises QuotaError."""
        quota = self.stored(scope.tenant)
        if quota == Quota():
            return
        usage = await self._catalog.usage(scope)
        if quota.documents is not None and usage.documents >= quota.documents:
            raise QuotaError("documents", quota.documents, usage.documents)
        if quota.bytes is not None and usage.bytes + least_bytes > quota.bytes:
            raise QuotaError("bytes", quota.bytes, usage.bytes)

    async def admit(self, tenant: str) -> None:
        """Count one request; raises ApiError 429 when the minute's are used up, with the time to come back."""
        limit = self.of(tenant).requests_per_minute
        if limit is None:
            return
        taken = self._slices.get(tenant)
        if taken is None or taken.limit != limit:
            taken = self._slices[tenant] = _Slice(limit)
        async with taken.turn:
            if time.monotonic() >= taken.ends:
                taken.left = taken.taken = 0
            if taken.left == 0 and taken.taken < limit and not await self._take(tenant, taken):
                return
            if taken.left == 0:
                REFUSED.labels("requests").inc()
                raise _too_many(limit, taken.ends - time.monotonic())
            taken.left -= 1

    async def requests(self, tenant: str) -> tuple[int, float]:
        """How many requests of the minute are taken by all processes, and how many seconds it lasts."""
        async with tenant_transaction(self._database, tenant) as connection:
            _, taken, seconds_left = await _take(connection, tenant, 0, 0)
        own = self._slices.get(tenant)
        left = own.left if own and time.monotonic() < own.ends else 0
        return max(0, taken - left), seconds_left

    async def _take(self, tenant: str, taken: _Slice) -> bool:
        """Another slice of the minute; False when the database cannot say, which is no reason to refuse."""
        wanted = max(1, taken.limit // SLICES)
        try:
            async with asyncio.timeout(LONGEST_WAIT_S), tenant_transaction(self._database, tenant) as connection:
                taken.left, taken.taken, seconds_left = await _take(connection, tenant, wanted, taken.limit)
        except (psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.TooManyRequests, TimeoutError) as error:
            UNCHECKED.inc()
            log.warning("quota_unchecked", tenant=tenant, error=type(error).__name__)
            return False
        taken.ends = time.monotonic() + seconds_left
        return True


async def _take(connection: Any, tenant: str, wanted: int, most: int) -> tuple[int, int, float]:
    query = "SELECT granted, taken, seconds_left FROM take_requests(%s, %s, %s)"
    row = await (await connection.execute(query, (tenant, wanted, most))).fetchone()
    return int(row[0]), int(row[1]), float(row[2])


def _too_many(limit: int, seconds: float) -> ApiError:
    wait = max(1, math.ceil(seconds))
    return ApiError(
        429,
        f"Your quota of {limit} requests per minute is used up ({limit} requests were made): try again in {wait} s.",
        param="requests_per_minute",
        code="rate_limit_exceeded",
        headers={"retry-after": str(wait)},
    )


async def admitted(request: Request, caller: CallerDep) -> Caller:
    """FastAPI dependency: the caller, whose request has been counted."""
    quotas: Quotas = request.app.state.held.quotas
    await quotas.admit(caller.tenant)
    return caller


Admitted = Annotated[Caller, Depends(admitted)]
