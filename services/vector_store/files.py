"""Files in the catalog: what was uploaded or found in a source, wherever it is attached."""

from typing import Any

from psycopg import AsyncConnection, errors

from common.ids import new_id
from vector_store.errors import ConflictError, NotFoundError, QuotaError
from vector_store.fields import MAX_FILES_PAGE, check_name, storable
from vector_store.jobs import DELETE_FILE, enqueue
from vector_store.models import File, Order, Page, Quota, Scope, Usage
from vector_store.tables import Listing, Row, TenantTables, fetch_all, fetch_one, fetch_page

# A document without groups is everyone's in the tenant; groups = null is a service that sees all.
VISIBLE = "(f.groups = '{}' OR %(groups)s::text[] IS NULL OR f.groups && %(groups)s::text[])"

_SELECT = f"""
SELECT f.id, f.tenant, f.filename, f.purpose, f.bytes, f.sha256, f.content_type, f.object_key, f.groups,
       f.source, f.source_path, extract(epoch FROM f.created_at)::bigint AS created_at
FROM files AS f
WHERE f.tenant = %(tenant)s AND {VISIBLE}
"""  # noqa: S608

# What `erased` looks for when the file's own row is gone.
_NOTE_DELETION = """
INSERT INTO deleted_files (id, tenant, no, store_file_nos, store_nos, object_keys)
SELECT f.id, f.tenant, f.no, %(store_files)s::bigint[],
       ARRAY(SELECT sf.store_no FROM store_files AS sf WHERE sf.file_no = f.no), ARRAY[f.object_key]
FROM files AS f WHERE f.tenant = %(tenant)s AND f.id = %(id)s
ON CONFLICT (id) DO NOTHING
"""


class Files(TenantTables):
    async def create_file(
        self,
        scope: Scope,
        *,
        filename: str,
        bytes: int,
        sha256: str,
        object_key: str,
        content_type: str = "application/octet-stream",
        purpose: str = "assistants",
        groups: tuple[str, ...] = (),
        source: str | None = None,
        source_path: str | None = None,
        file_id: str | None = None,
        quota: Quota | None = None,
    ) -> File:
        """Records a file whose bytes lie under `object_key` already. `file_id` when the key was made from it.

        Raises ConflictError if the source has a file of that path already, QuotaError if it is more than `quota` has
        room for; files that are added at the same time are counted one after another.
        """
        file_id = file_id or new_id("file-")
        values = {
            "id": file_id,
            "tenant": scope.tenant,
            "filename": check_name(filename, "filename"),
            "purpose": purpose,
            "bytes": bytes,
            "sha256": sha256,
            "content_type": storable(content_type),
            "object_key": object_key,
            "groups": list(groups),
            "source": source,
            "source_path": None if source_path is None else storable(source_path),
        }
        try:
            async with self._audited(scope, "file.upload", file_id=file_id, details={"bytes": bytes}) as conn:
                await conn.execute(
                    "INSERT INTO files (id, tenant, filename, purpose, bytes, sha256, content_type, object_key, groups,"
                    " source, source_path) VALUES (%(id)s, %(tenant)s, %(filename)s, %(purpose)s, %(bytes)s,"
                    " %(sha256)s, %(content_type)s, %(object_key)s, %(groups)s, %(source)s, %(source_path)s)",
                    values,
                )
                if quota is not None:
                    await _check_quota(conn, scope, quota, bytes)
                return await get_file(conn, Scope(scope.tenant, None), file_id)
        except errors.UniqueViolation as error:
            raise ConflictError(f"Source '{source}' has a file '{source_path}' already.") from error

    async def usage(self, scope: Scope) -> Usage:
        """What the tenant holds."""
        async with self._transaction(scope) as conn:
            return await _usage(conn, scope)

    async def get_file(self, scope: Scope, file_id: str) -> File:
        async with self._transaction(scope) as conn:
            return await get_file(conn, scope, file_id)

    async def list_files(
        self,
        scope: Scope,
        *,
        purpose: str | None = None,
        limit: int = 20,
        order: Order = "desc",
        after: str | None = None,
    ) -> Page[File]:
        params = _visible_to(scope) | {"purpose": purpose}
        listing = Listing(_SELECT + " AND (%(purpose)s::text IS NULL OR f.purpose = %(purpose)s)", params, "f.id")
        async with self._transaction(scope) as conn:
            return await fetch_page(
                conn, listing, _read, lambda f: f.id, limit=limit, order=order, after=after, most=MAX_FILES_PAGE
            )

    async def source_files(self, scope: Scope, source: str) -> dict[str, File]:
        """The files that came from a configured source, by their path in it."""
        async with self._transaction(scope) as conn:
            rows = await fetch_all(
                conn, _SELECT + " AND f.source = %(source)s", _visible_to(scope) | {"source": source}
            )
        return {row["source_path"]: _read(row) for row in rows}

    async def replace_file(
        self, scope: Scope, file_id: str, *, bytes: int, sha256: str, object_key: str, content_type: str
    ) -> File:
        """Notes that a source's file has new bytes under a new key, and queues the removal of the old ones.

        Attach it again to have its chunks replaced; until then the old ones are found.
        """
        values = {"bytes": bytes, "sha256": sha256, "object_key": object_key, "content_type": storable(content_type)}
        async with self._audited(scope, "file.replace", file_id=file_id, details={"bytes": bytes}) as conn:
            old = await get_file(conn, scope, file_id, lock=True)
            await conn.execute(
                "UPDATE files SET bytes = %(bytes)s, sha256 = %(sha256)s, object_key = %(object_key)s,"
                " content_type = %(content_type)s WHERE tenant = %(tenant)s AND id = %(id)s",
                values | {"tenant": scope.tenant, "id": file_id},
            )
            if old.object_key != object_key:
                await _enqueue_removal(conn, scope, old)
            return await get_file(conn, scope, file_id)

    async def delete_file(self, scope: Scope, file_id: str) -> None:
        """Deletes the file and its chunks in every store, and queues `delete_file` to remove its bytes."""
        async with self._audited(scope, "file.delete", file_id=file_id) as conn:
            file = await get_file(conn, scope, file_id)
            # Rows are locked in the order that every writer keeps (store, file in store, words), so that none waits
            # for another in a circle. Deleting the words in one statement counts them once.
            attached = {"tenant": scope.tenant, "id": file_id}
            await conn.execute(
                "SELECT FROM stores WHERE no IN (SELECT sf.store_no FROM store_files AS sf JOIN files AS f"
                " ON f.no = sf.file_no WHERE f.tenant = %(tenant)s AND f.id = %(id)s) ORDER BY no FOR KEY SHARE",
                attached,
            )
            rows = await fetch_all(
                conn,
                "SELECT no FROM store_files WHERE file_no = (SELECT no FROM files WHERE tenant = %(tenant)s"
                " AND id = %(id)s) ORDER BY no FOR UPDATE",
                attached,
            )
            await conn.execute(_NOTE_DELETION, {**attached, "store_files": [row["no"] for row in rows]})
            await conn.execute("DELETE FROM chunk_terms WHERE store_file_no = ANY(%s)", ([row["no"] for row in rows],))
            await conn.execute("DELETE FROM files WHERE tenant = %(tenant)s AND id = %(id)s", attached)
            await _enqueue_removal(conn, scope, file)


async def get_file(conn: AsyncConnection[Any], scope: Scope, file_id: str, *, lock: bool = False) -> File:
    """One visible file. Raises NotFoundError."""
    query = _SELECT + " AND f.id = %(id)s" + (" FOR UPDATE" if lock else "")
    row = await fetch_one(conn, query, _visible_to(scope) | {"id": file_id})
    if row is None:
        raise NotFoundError("file", file_id)
    return _read(row)


async def _usage(conn: AsyncConnection[Any], scope: Scope) -> Usage:
    query = "SELECT documents, bytes FROM tenant_usage WHERE tenant = %(tenant)s"
    row = await fetch_one(conn, query, {"tenant": scope.tenant})
    return Usage(**row) if row else Usage()


async def _check_quota(conn: AsyncConnection[Any], scope: Scope, quota: Quota, added: int) -> None:
    """The usage is read with the file in it, under the lock that adding it took."""
    usage = await _usage(conn, scope)
    if quota.documents is not None and usage.documents > quota.documents:
        raise QuotaError("documents", quota.documents, usage.documents - 1)
    if quota.bytes is not None and usage.bytes > quota.bytes:
        raise QuotaError("bytes", quota.bytes, usage.bytes - added)


async def _enqueue_removal(conn: AsyncConnection[Any], scope: Scope, file: File) -> None:
    args = {"tenant": scope.tenant, "file_id": file.id, "object_key": file.object_key}
    await enqueue(conn, DELETE_FILE, args)


def _visible_to(scope: Scope) -> dict[str, Any]:
    return {"tenant": scope.tenant, "groups": None if scope.groups is None else list(scope.groups)}


def _read(row: Row) -> File:
    values: Row = {**row, "groups": tuple(row["groups"])}
    return File(**values)
