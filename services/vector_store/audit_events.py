"""What goes into the audit log: who did what to which store, file or key, never a word of what was asked or found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from common.ids import new_id
from common.logs import get_logger, request_id
from vector_store.fields import storable
from vector_store.models import Scope

log = get_logger("audit")

_INSERT = """
INSERT INTO audit_log (id, tenant, at, action, key_id, key_name, store_id, file_id, request_id, details)
VALUES (%(id)s, %(tenant)s, %(at)s, %(action)s, %(key_id)s, %(key_name)s, %(store_id)s, %(file_id)s, %(request_id)s,
        %(details)s)
ON CONFLICT (id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that was done. `key_id` is the caller's key; for a service's own work, what it was done for."""

    tenant: str
    action: str
    key_id: str
    key_name: str = ""
    store_id: str | None = None
    file_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict[str, Any])
    request_id: str | None = field(default_factory=request_id.get)
    id: str = field(default_factory=lambda: new_id("audit_"))
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, scope: Scope, action: str, **fields: Any) -> "AuditEvent":
        """By the caller that the scope stands for."""
        return cls(scope.tenant, action, scope.key_id, scope.key_name, **fields)


async def insert(conn: AsyncConnection[Any], events: Sequence[AuditEvent]) -> int:
    """Add events of the transaction's tenant; gives how many are new. One that is there already stays as it is."""
    rows = [
        {
            "id": event.id,
            "tenant": event.tenant,
            "at": event.at,
            "action": event.action,
            "key_id": event.key_id,
            "key_name": storable(event.key_name),
            "store_id": event.store_id,
            "file_id": event.file_id,
            "request_id": event.request_id,
            "details": Jsonb(event.details),
        }
        for event in events
    ]
    async with conn.cursor() as cursor:
        await cursor.executemany(_INSERT, rows)
        return cursor.rowcount


def tell(event: AuditEvent) -> None:
    """The event as a JSON line on stdout, where a service writes its logs; a command says nothing."""
    if structlog.is_configured():
        log.info(
            "audit",
            audit_id=event.id,
            action=event.action,
            tenant=event.tenant,
            key_id=event.key_id,
            key_name=event.key_name,
            store_id=event.store_id,
            file_id=event.file_id,
            request_id=event.request_id,
            details=event.details,
        )
