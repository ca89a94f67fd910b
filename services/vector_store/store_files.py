"""Files attached to stores, one by one or in batches, and how their ingestion stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from common.ids import new_id
from vector_store.errors import InvalidError, NotFoundError
from vector_store.fields import check_attributes, storable
from vector_store.jobs import INGEST_FILE, enqueue
from vector_store.models import (
    AttributeValue,
    FileBatch,
    FileCounts,
    FileError,
    FileStatus,
    Order,
    Page,
    Scope,
    StoreFile,
)
from vector_store.tables import Listing, Row, TenantTables, fetch_all, fetch_one, fetch_page

MAX_BATCH = 2000
MAX_ERROR_LENGTH = 2000

_VISIBLE = "(sf.groups = '{}' OR %(groups)s::text[] IS NULL OR sf.groups && %(groups)s::text[])"
_SELECT = f"""
SELECT sf.no, s.id AS store_id, f.id AS file_id, f.filename, sf.status, sf.error_code, sf.error_message, sf.attributes,
       sf.chunking_strategy, sf.groups, sf.usage_bytes, sf.chunk_count, sf.fingerprint,
       extract(epoch FROM sf.created_at)::bigint AS created_at, b.id AS batch_id, f.bytes, f.source, f.source_path,
       c.title, c.metadata -> 'document' AS document
FROM store_files AS sf
JOIN stores AS s ON s.no = sf.store_no
JOIN files AS f ON f.no = sf.file_no
LEFT JOIN file_batches AS b ON b.no = sf.batch_no
LEFT JOIN chunks AS c ON c.store_file_no = sf.no AND c.position = 0
WHERE s.tenant = %(tenant)s AND s.id = %(store_id)s AND {_VISIBLE}
"""  # noqa: S608

_ATTACH = """
INSERT INTO store_files AS sf (tenant, store_no, file_no, batch_no, attributes, chunking_strategy, groups)
SELECT f.tenant, %(store_no)s::integer, f.no, %(batch_no)s::bigint,
       coalesce(%(attributes)s::jsonb, '{}'), %(chunking_strategy)s::jsonb, coalesce(%(new_groups)s::text[], f.groups)
FROM files AS f
WHERE f.tenant = %(tenant)s AND f.id = %(file_id)s
  AND (f.groups = '{}' OR %(groups)s::text[] IS NULL OR f.groups && %(groups)s::text[])
ON CONFLICT (store_no, file_no) DO UPDATE
SET status = 'in_progress', error_code = NULL, error_message = NULL, batch_no = EXCLUDED.batch_no,
    attributes = coalesce(%(attributes)s::jsonb, sf.attributes),
    chunking_strategy = coalesce(%(chunking_strategy)s::jsonb, sf.chunking_strategy),
    groups = coalesce(%(new_groups)s::text[], sf.groups)
RETURNING no
"""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to attach, with its own settings."""

    file_id: str
    attributes: Mapping[str, AttributeValue] | None = None
    chunking_strategy: Mapping[str, Any] | None = None
    groups: tuple[str, ...] | None = None
    """None takes the file's groups."""


class StoreFiles(TenantTables):
    async def attach(
        self,
        scope: Scope,
        store_id: str,
        file_id: str,
        *,
        attributes: Mapping[str, AttributeValue] | None = None,
        chunking_strategy: Mapping[str, Any] | None = None,
        groups: tuple[str, ...] | None = None,
    ) -> StoreFile:
        """Attaches a file, `in_progress`, and queues `ingest_file` in the same transaction.

        A file attached already takes the new settings (those given) and is ingested again.
        """
        attachment = Attachment(file_id, attributes, chunking_strategy, groups)
        async with self._audited(scope, "store_file.attach", store_id=store_id, file_id=file_id) as conn:
            store_no = await _store_no(conn, scope, store_id)
            await _attach(conn, scope, store_id, store_no, attachment, batch_no=None)
            return await _get(conn, scope, store_id, file_id)

    async def get_store_file(self, scope: Scope, store_id: str, file_id: str) -> StoreFile:
        async with self._transaction(scope) as conn:
            return await _get(conn, scope, store_id, file_id)

    async def list_store_files(
        self,
        scope: Scope,
        store_id: str,
        *,
        status: FileStatus | None = None,
        batch_id: str | None = None,
        limit: int = 20,
        order: Order = "desc",
        after: str | None = None,
        before: str | None = None,
    ) -> Page[StoreFile]:
        """In the order of attaching; the cursors are file ids. Raises NotFoundError for an unknown store or cursor."""
        query = (
            _SELECT
            + " AND (%(status)s::text IS NULL OR sf.status = %(status)s)"
            + " AND (%(batch_id)s::text IS NULL OR b.id = %(batch_id)s)"
        )
        params = _visible_to(scope, store_id) | {"status": status, "batch_id": batch_id}
        async with self._transaction(scope) as conn:
            await _store_no(conn, scope, store_id)
            if batch_id is not None:
                await _batch(conn, scope, store_id, batch_id)
            return await fetch_page(
                conn,
                Listing(query, params, "sf.no"),
                _read,
                lambda file: file.file_id,
                limit=limit,
                order=order,
                after=await _cursor(conn, scope, store_id, after),
                before=await _cursor(conn, scope, store_id, before),
            )

    async def set_attributes(
        self, scope: Scope, store_id: str, file_id: str, attributes: Mapping[str, AttributeValue]
    ) -> StoreFile:
        """Replaces a file's attributes; filters see them at once."""
        checked = check_attributes(attributes)
        async with self._audited(scope, "store_file.update", store_id=store_id, file_id=file_id) as conn:
            row = await _row(conn, scope, store_id, file_id)
            await conn.execute("UPDATE store_files SET attributes = %s WHERE no = %s", (Jsonb(checked), row["no"]))
            return await _get(conn, scope, store_id, file_id)

    async def set_status(
        self, scope: Scope, store_id: str, file_id: str, status: FileStatus, error: FileError | None = None
    ) -> None:
        """The worker's word on a file. `completed` is set by `ChunkStore.write`; a cancelled file stays cancelled."""
        code, reason = (error.code, error.reason) if error else (None, None)
        message = storable(error.message)[:MAX_ERROR_LENGTH] if error else None
        async with self._transaction(scope) as conn:
            row = await _row(conn, scope, store_id, file_id)
            await conn.execute(
                "UPDATE store_files SET status = %s, error_code = %s, error_message = %s, error_reason = %s"
                " WHERE no = %s AND status <> 'cancelled'",
                (status, code, message, reason, row["no"]),
            )

    async def detach(self, scope: Scope, store_id: str, file_id: str) -> None:
        """Removes a file and its chunks from one store; the file itself stays."""
        async with self._audited(scope, "store_file.detach", store_id=store_id, file_id=file_id) as conn:
            await _store_no(conn, scope, store_id)
            row = await _row(conn, scope, store_id, file_id, lock=True)
            await conn.execute("DELETE FROM store_files WHERE no = %s", (row["no"],))

    async def create_batch(self, scope: Scope, store_id: str, attachments: Sequence[Attachment]) -> FileBatch:
        """Attaches many files at once; all or none."""
        if not 1 <= len(attachments) <= MAX_BATCH:
            raise InvalidError(f"files: between 1 and {MAX_BATCH} files, not {len(attachments)}.", "files")
        if len({attachment.file_id for attachment in attachments}) < len(attachments):
            raise InvalidError("files: a file is named twice.", "files")
        batch_id = new_id("vsfb_")
        about = {"batch_id": batch_id, "files": len(attachments)}
        async with self._audited(scope, "batch.create", store_id=store_id, details=about) as conn:
            store_no = await _store_no(conn, scope, store_id)
            batch = await fetch_one(
                conn,
                "INSERT INTO file_batches (id, tenant, store_no) VALUES (%(id)s, %(tenant)s, %(store_no)s)"
                " RETURNING no",
                {"id": batch_id, "tenant": scope.tenant, "store_no": store_no},
            )
            assert batch is not None
            # In one order for all, so that two batches over the same files do not wait for each other in a circle.
            for attachment in sorted(attachments, key=lambda a: a.file_id):
                await _attach(conn, scope, store_id, store_no, attachment, batch_no=batch["no"])
            return await _batch(conn, scope, store_id, batch_id)

    async def get_batch(self, scope: Scope, store_id: str, batch_id: str) -> FileBatch:
        async with self._transaction(scope) as conn:
            return await _batch(conn, scope, store_id, batch_id)

    async def cancel_batch(self, scope: Scope, store_id: str, batch_id: str) -> FileBatch:
        """Cancels the batch's files that are still in progress."""
        about = {"batch_id": batch_id}
        async with self._audited(scope, "batch.cancel", store_id=store_id, details=about) as conn:
            await _batch(conn, scope, store_id, batch_id)
            params = {"tenant": scope.tenant, "id": batch_id}
            await conn.execute(
                "UPDATE file_batches SET cancelled = true WHERE tenant = %(tenant)s AND id = %(id)s", params
            )
            await conn.execute(
                "UPDATE store_files SET status = 'cancelled' WHERE status = 'in_progress' AND batch_no ="
                " (SELECT no FROM file_batches WHERE tenant = %(tenant)s AND id = %(id)s)",
                params,
            )
            return await _batch(conn, scope, store_id, batch_id)


async def _attach(
    conn: AsyncConnection[Any],
    scope: Scope,
    store_id: str,
    store_no: int,
    attachment: Attachment,
    *,
    batch_no: int | None,
) -> None:
    strategy = attachment.chunking_strategy
    values = _visible_to(scope, store_id) | {
        "store_no": store_no,
        "batch_no": batch_no,
        "file_id": attachment.file_id,
        "attributes": None if attachment.attributes is None else Jsonb(check_attributes(attachment.attributes)),
        "chunking_strategy": None if strategy is None else Jsonb(dict(strategy)),
        "new_groups": None if attachment.groups is None else list(attachment.groups),
    }
    if await fetch_one(conn, _ATTACH, values) is None:
        raise NotFoundError("file", attachment.file_id)
    args = {"tenant": scope.tenant, "store_id": store_id, "file_id": attachment.file_id}
    await enqueue(conn, INGEST_FILE, args, lock=f"{INGEST_FILE}/{store_id}/{attachment.file_id}")


async def _store_no(conn: AsyncConnection[Any], scope: Scope, store_id: str) -> int:
    """The store's number; it cannot be deleted before the transaction ends."""
    row = await fetch_one(
        conn,
        "SELECT no FROM stores WHERE tenant = %(tenant)s AND id = %(id)s FOR KEY SHARE",
        {"tenant": scope.tenant, "id": store_id},
    )
    if row is None:
        raise NotFoundError("vector store", store_id)
    return row["no"]


async def _row(conn: AsyncConnection[Any], scope: Scope, store_id: str, file_id: str, *, lock: bool = False) -> Row:
    query = _SELECT + " AND f.id = %(file_id)s" + (" FOR UPDATE OF sf" if lock else "")
    row = await fetch_one(conn, query, _visible_to(scope, store_id) | {"file_id": file_id})
    if row is None:
        await _store_no(conn, scope, store_id)
        raise NotFoundError("vector store file", file_id)
    return row


async def _get(conn: AsyncConnection[Any], scope: Scope, store_id: str, file_id: str) -> StoreFile:
    return _read(await _row(conn, scope, store_id, file_id))


async def _cursor(conn: AsyncConnection[Any], scope: Scope, store_id: str, file_id: str | None) -> int | None:
    return None if file_id is None else (await _row(conn, scope, store_id, file_id))["no"]


async def _batch(conn: AsyncConnection[Any], scope: Scope, store_id: str, batch_id: str) -> FileBatch:
    rows = await fetch_all(
        conn,
        "SELECT b.cancelled, extract(epoch FROM b.created_at)::bigint AS created_at, sf.status, count(sf.no) AS files"
        " FROM file_batches AS b JOIN stores AS s ON s.no = b.store_no"
        " LEFT JOIN store_files AS sf ON sf.batch_no = b.no"
        " WHERE b.tenant = %(tenant)s AND b.id = %(id)s AND s.id = %(store_id)s"
        " GROUP BY b.cancelled, b.created_at, sf.status",
        {"tenant": scope.tenant, "id": batch_id, "store_id": store_id},
    )
    if not rows:
        raise NotFoundError("vector store file batch", batch_id)
    counts = FileCounts(**{row["status"]: row["files"] for row in rows if row["status"]})
    status: FileStatus = "in_progress" if counts.in_progress else "cancelled" if rows[0]["cancelled"] else "completed"
    return FileBatch(batch_id, store_id, status, counts, rows[0]["created_at"])


def _visible_to(scope: Scope, store_id: str) -> dict[str, Any]:
    groups = None if scope.groups is None else list(scope.groups)
    return {"tenant": scope.tenant, "groups": groups, "store_id": store_id}


def _read(row: Row) -> StoreFile:
    error = FileError(row["error_code"], row["error_message"]) if row["error_code"] else None
    return StoreFile(
        store_id=row["store_id"],
        file_id=row["file_id"],
        filename=row["filename"],
        status=row["status"],
        last_error=error,
        attributes=row["attributes"],
        chunking_strategy=row["chunking_strategy"],
        groups=tuple(row["groups"]),
        usage_bytes=row["usage_bytes"],
        chunk_count=row["chunk_count"],
        fingerprint=row["fingerprint"],
        created_at=row["created_at"],
        batch_id=row["batch_id"],
        bytes=row["bytes"],
        source=row["source"],
        source_path=row["source_path"],
        title=row["title"] or None,
        document=row["document"] or {},
    )
