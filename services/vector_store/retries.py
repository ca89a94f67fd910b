"""Files that failed, parked with their reason, and how they are put back into the queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from vector_store.errors import ConflictError
from vector_store.jobs import INGEST_FILE, enqueue
from vector_store.models import Scope
from vector_store.tables import TenantTables, fetch_all

# Files put back in one transaction.
STEP = 500
MOST_LISTED = 10_000

_FAILED = """
SELECT s.id AS store_id, s.name AS store, f.id AS file_id, f.filename, f.source,
       coalesce(sf.error_reason, sf.error_code, 'unknown') AS reason, coalesce(sf.error_message, '') AS message
FROM store_files AS sf
JOIN stores AS s ON s.no = sf.store_no
JOIN files AS f ON f.no = sf.file_no
WHERE s.tenant = %(tenant)s AND sf.status = 'failed'
  AND (sf.groups = '{}' OR %(groups)s::text[] IS NULL OR sf.groups && %(groups)s::text[])
  AND (%(store)s::text IS NULL OR s.id = %(store)s OR s.name = %(store)s)
  AND (%(file_id)s::text IS NULL OR f.id = %(file_id)s)
ORDER BY sf.no LIMIT %(limit)s
"""
# The lock on the row makes two callers at once queue one job, not two.
_RETRY = """
UPDATE store_files AS sf
SET status = 'in_progress', error_code = NULL, error_message = NULL, error_reason = NULL
FROM stores AS s, files AS f
WHERE s.no = sf.store_no AND f.no = sf.file_no AND s.tenant = %(tenant)s AND sf.status = 'failed'
  AND s.id = %(store_id)s AND f.id = ANY(%(file_ids)s)
RETURNING f.id AS file_id
"""


@dataclass(frozen=True, slots=True)
class FailedFile:
    """One file that failed in one store: `reason` is a code, `message` the sentence for its owner."""

    store_id: str
    store: str
    file_id: str
    filename: str
    source: str | None
    reason: str
    message: str


class Retries(TenantTables):
    """Every call is one transaction of the scope's tenant."""

    async def failed(
        self, scope: Scope, *, store: str | None = None, file_id: str | None = None, limit: int = MOST_LISTED
    ) -> list[FailedFile]:
        """The files that failed, the oldest first. `store` is an id or a name."""
        params = {
            "tenant": scope.tenant,
            "groups": None if scope.groups is None else list(scope.groups),
            "store": store,
            "file_id": file_id,
            "limit": limit,
        }
        async with self._transaction(scope) as conn:
            return [FailedFile(**row) for row in await fetch_all(conn, _FAILED, params)]

    async def retry(self, scope: Scope, store_id: str, file_id: str) -> None:
        """Puts one failed file back; raises ConflictError when it has not failed. Ask first whether it is visible."""
        async with self._audited(scope, "store_file.retry", store_id=store_id, file_id=file_id) as conn:
            if not await _put_back(conn, scope, store_id, [file_id]):
                raise ConflictError(f"File '{file_id}' has not failed, so there is nothing to retry.")

    async def retry_all(self, scope: Scope, files: Sequence[FailedFile]) -> int:
        """Puts these files back, those that are still failed; returns how many."""
        count = 0
        by_store: dict[str, list[str]] = {}
        for file in files:
            by_store.setdefault(file.store_id, []).append(file.file_id)
        for store_id, file_ids in by_store.items():
            for start in range(0, len(file_ids), STEP):
                step = file_ids[start : start + STEP]
                details = {"files": len(step)}
                async with self._audited(scope, "store_file.retry", store_id=store_id, details=details) as conn:
                    count += await _put_back(conn, scope, store_id, step)
        return count


async def _put_back(conn: AsyncConnection[Any], scope: Scope, store_id: str, file_ids: Sequence[str]) -> int:
    rows = await fetch_all(conn, _RETRY, {"tenant": scope.tenant, "store_id": store_id, "file_ids": list(file_ids)})
    for row in rows:
        args = {"tenant": scope.tenant, "store_id": store_id, "file_id": row["file_id"]}
        await enqueue(conn, INGEST_FILE, args, lock=f"{INGEST_FILE}/{store_id}/{row['file_id']}")
    return len(rows)
