"""The audit log as it is read and, when it has served its time, cleared."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from vector_store.audit_events import AuditEvent, insert
from vector_store.models import Order, Page, Scope
from vector_store.tables import Listing, Row, TenantTables, fetch_page

# Rows removed in one transaction: a year's log is not to be one.
PRUNE_ROWS = 10_000

_SELECT = """
SELECT id, tenant, at, action, key_id, key_name, store_id, file_id, request_id, details FROM audit_log
WHERE (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
"""
_CONDITIONS = {
    "store_id": "store_id = %(store_id)s",
    "file_id": "file_id = %(file_id)s",
    "key_id": "(key_id = %(key_id)s OR details ->> 'key' = %(key_id)s)",
    "by": "key_id = %(by)s",
    "since": "at >= %(since)s",
}
_PRUNE = """
DELETE FROM audit_log WHERE no IN (SELECT no FROM audit_log WHERE at < now() - make_interval(days => %s) LIMIT %s)
"""
_PRUNE_DELETED = "DELETE FROM deleted_files WHERE deleted_at < now() - make_interval(days => %s)"


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to leave out of the log; None leaves nothing out. An action may end in `.*`."""

    action: str | None = None
    store_id: str | None = None
    file_id: str | None = None
    key_id: str | None = None
    """What this key did, and what was done to it."""
    by: str | None = None
    """What this key did."""
    since: datetime | None = None


class Audit(TenantTables):
    """A tenant's audit log."""

    async def list_events(
        self,
        scope: Scope,
        chosen: AuditFilter,
        *,
        limit: int = 20,
        order: Order = "desc",
        after: str | None = None,
        before: str | None = None,
    ) -> Page[AuditEvent]:
        async with self._transaction(scope) as conn:
            return await list_events(conn, scope.tenant, chosen, limit, order, after, before)

    async def add(self, tenant: str, events: list[AuditEvent]) -> int:
        """Add events of one tenant in a transaction of their own; gives how many were not there yet."""
        async with self._transaction(Scope(tenant, None)) as conn:
            return await insert(conn, events)


async def list_events(
    conn: AsyncConnection[Any],
    tenant: str | None,
    chosen: AuditFilter,
    limit: int,
    order: Order,
    after: str | None = None,
    before: str | None = None,
) -> Page[AuditEvent]:
    """A page of the log in the order of time; `tenant` None is all of them, for the owner."""
    query, params = _SELECT, dict[str, Any](tenant=tenant)
    for name, condition in _CONDITIONS.items():
        value = getattr(chosen, name)
        if value is not None:
            query += f" AND {condition}"
            params[name] = value
    if chosen.action is not None:
        query += " AND starts_with(action, %(action)s)" if chosen.action.endswith(".*") else " AND action = %(action)s"
        params["action"] = chosen.action.removesuffix("*")
    return await fetch_page(
        conn, Listing(query, params, "id"), _read, lambda e: e.id, limit=limit, order=order, after=after, before=before
    )


async def prune(conn: AsyncConnection[Any], days: int) -> int:
    """As the owner: removes what is older than that, and the notes of what files that were deleted then lay under."""
    removed = 0
    while True:
        done = (await conn.execute(_PRUNE, (days, PRUNE_ROWS))).rowcount
        removed += done
        if done < PRUNE_ROWS:
            break
    await conn.execute(_PRUNE_DELETED, (days,))
    return removed


def _read(row: Row) -> AuditEvent:
    return AuditEvent(**row)
