"""`/v1/audit` and `/v1/usage`: who did what in the caller's tenant, and what it has used of its quotas."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from common.auth import CallerDep
from common.authenticator import ANYONE
from orchestrator import shapes
from orchestrator.resources import ResourcesDep
from orchestrator.scope import ScopeDep
from orchestrator.wire import Cursor, Id, Limit, Order
from vector_store.audit import AuditFilter
from vector_store.audit_events import AuditEvent

router = APIRouter()

AuditAction = Annotated[str | None, Query(pattern=r"^[a-z_]+\.([a-z_]+|\*)$", max_length=64)]
# Unix seconds, as everywhere in this API; the last second of the year 9999 ends what dates can say.
Since = Annotated[int | None, Query(ge=0, le=253_402_300_799)]


@router.get("/v1/audit")
async def list_audit(
    caller: CallerDep,
    scope: ScopeDep,
    held: ResourcesDep,
    action: AuditAction = None,
    store: Annotated[Id | None, Query()] = None,
    file: Annotated[Id | None, Query()] = None,
    key: Annotated[Id | None, Query()] = None,
    since: Since = None,
    limit: Limit = 20,
    order: Order = "desc",
    after: Cursor = None,
    before: Cursor = None,
) -> dict[str, Any]:
    """What was done, the newest first. A key sees what it did itself; one of an auditors' group sees everything."""
    sees_all = caller.key_id == ANYONE.key_id or bool(set(caller.groups) & set(held.live.current.value.audit_groups))
    chosen = AuditFilter(
        action=action,
        store_id=store,
        file_id=file,
        key_id=key,
        by=None if sees_all else caller.key_id,
        since=None if since is None else datetime.fromtimestamp(since, UTC),
    )
    page = await held.audit.list_events(scope, chosen, limit=limit, order=order, after=after, before=before)
    return shapes.listing(page, _event)


@router.get("/v1/usage")
async def get_usage(caller: CallerDep, scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """What the tenant holds and has asked in the minute that runs, beside what it may; a limit of null is none."""
    quota = held.quotas.of(caller.tenant)
    usage = await held.catalog.usage(scope)
    requests: dict[str, Any] = {"used": None, "limit": None, "resets_in_s": None}
    if quota.requests_per_minute is not None:
        used, seconds = await held.quotas.requests(caller.tenant)
        requests = {"used": used, "limit": quota.requests_per_minute, "resets_in_s": round(seconds, 1)}
    return {
        "object": "usage",
        "tenant": caller.tenant,
        "documents": {"used": usage.documents, "limit": quota.documents},
        "bytes": {"used": usage.bytes, "limit": quota.bytes},
        "requests_per_minute": requests,
    }


def _event(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "object": "audit.event",
        "created_at": int(event.at.timestamp()),
        "action": event.action,
        "key_id": event.key_id,
        "key_name": event.key_name or None,
        "vector_store_id": event.store_id,
        "file_id": event.file_id,
        "request_id": event.request_id,
        "details": event.details,
    }
