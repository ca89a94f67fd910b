"""What goes into the audit log: who did what to which store, file or key, never a word of what was asked or found."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
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
SELECT e.id, e.tenant, e.at, e.action, e.key_id, e.key_name, e.store_id, e.file_id, e.request_id, e.details
FROM jsonb_to_recordset(%s) AS e (id text, tenant text, at timestamptz, action text, key_id text, key_name text,
                                  store_id text, file_id text, request_id text, details jsonb)
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
    rows = [{**asdict(event), "at": event.at.isoformat(), "key_name": storable(event.key_name)} for event in events]
    # One statement for all: a batch of searches is written as fast as one.
    return (await conn.execute(_INSERT, (Jsonb(rows),))).rowcount


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
