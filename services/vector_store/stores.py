"""Stores in the catalog."""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from common.ids import new_id
from common.postgres import READ_SILENCE_S
from vector_store.audit_events import AuditEvent, insert, tell
from vector_store.errors import InvalidError, NotFoundError
from vector_store.fields import check_metadata, check_name, storable
from vector_store.models import EmbeddingSpace, FileCounts, Order, Page, Scope, Store
from vector_store.tables import UNCHANGED, Listing, Row, TenantTables, fetch_all, fetch_one, fetch_page

MAX_EXPIRY_DAYS = 365

_SELECT = """
SELECT s.id, s.tenant, s.name, s.description, s.metadata, s.expires_after_days,
       extract(epoch FROM s.created_at)::bigint AS created_at,
       extract(epoch FROM s.last_active_at)::bigint AS last_active_at,
       extract(epoch FROM s.last_active_at + make_interval(days => s.expires_after_days))::bigint AS expires_at,
       now() >= s.last_active_at + make_interval(days => s.expires_after_days) AS expired,
       e.model, e.version, e.dimension, f.*
FROM stores AS s
LEFT JOIN embedding_spaces AS e ON e.no = s.space_no
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE status = 'in_progress') AS in_progress,
           count(*) FILTER (WHERE status = 'completed') AS completed,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
           coalesce(sum(usage_bytes), 0)::bigint AS usage_bytes
    FROM store_files WHERE store_no = s.no
) AS f
WHERE s.tenant = %(tenant)s
"""
_OLDEST = "SELECT min(id) FROM stores WHERE tenant = %(tenant)s AND name = ANY(%(names)s) GROUP BY name"


class Stores(TenantTables):
    async def create_store(
        self,
        scope: Scope,
        name: str,
        *,
        description: str = "",
        metadata: Mapping[str, str] | None = None,
        expires_after_days: int | None = None,
    ) -> Store:
        """A new, empty store (names need not be unique)."""
        values = {
            "name": check_name(name),
            "description": storable(description),
            "metadata": Jsonb(check_metadata(metadata)),
            "expires_after_days": _check_days(expires_after_days),
        }
        store_id = new_id("vs_")
        async with self._audited(scope, "store.create", store_id=store_id) as conn:
            return await _insert(conn, scope, store_id, values)

    async def ensure_store(self, scope: Scope, name: str) -> Store:
        """The tenant's oldest store of that name, created if there is none; safe under concurrent callers."""
        created: AuditEvent | None = None
        async with self._transaction(scope) as conn:
            await conn.execute(
                "SELECT pg_advisory_xact_lock(hashtext('fairlead.store_name'), hashtext(%s))",
                (f"{scope.tenant}/{name}",),
            )
            store = next(iter(await _find(conn, scope, [name])), None)
            if store is None:
                values = {
                    "name": check_name(name),
                    "description": "",
                    "metadata": Jsonb({}),
                    "expires_after_days": None,
                }
                store = await _insert(conn, scope, new_id("vs_"), values)
                created = AuditEvent.of(scope, "store.create", store_id=store.id)
                await insert(conn, [created])
        if created:
            tell(created)
        return store

    async def get_store(self, scope: Scope, store_id: str) -> Store:
        async with self._transaction(scope, silence_s=READ_SILENCE_S) as conn:
            return await _get(conn, scope, store_id)

    async def space_of(self, scope: Scope, store_id: str) -> EmbeddingSpace | None:
        """The space of a store's vectors; None until the first file is written."""
        async with self._transaction(scope, silence_s=READ_SILENCE_S) as conn:
            row = await fetch_one(
                conn,
                "SELECT e.model, e.version, e.dimension FROM stores AS s"
                " LEFT JOIN embedding_spaces AS e ON e.no = s.space_no WHERE s.tenant = %(tenant)s AND s.id = %(id)s",
                {"tenant": scope.tenant, "id": store_id},
            )
        if row is None:
            raise NotFoundError("vector store", store_id)
        return EmbeddingSpace(**row) if row["model"] else None

    async def find_stores(self, scope: Scope, names: Sequence[str]) -> list[Store]:
        """For each name the tenant's oldest store of that name; names without a store are left out."""
        async with self._transaction(scope, silence_s=READ_SILENCE_S) as conn:
            return await _find(conn, scope, names)

    async def list_stores(
        self,
        scope: Scope,
        *,
        limit: int = 20,
        order: Order = "desc",
        after: str | None = None,
        before: str | None = None,
    ) -> Page[Store]:
        listing = Listing(_SELECT, {"tenant": scope.tenant}, "s.id")
        async with self._transaction(scope) as conn:
            return await fetch_page(
                conn, listing, _read, lambda s: s.id, limit=limit, order=order, after=after, before=before
            )

    async def update_store(
        self,
        scope: Scope,
        store_id: str,
        *,
        name: str = UNCHANGED,
        description: str = UNCHANGED,
        metadata: Mapping[str, str] | None = UNCHANGED,
        expires_after_days: int | None = UNCHANGED,
    ) -> Store:
        """Changes the fields given, and nothing else."""
        values: dict[str, Any] = {}
        if name is not UNCHANGED:
            values["name"] = check_name(name)
        if description is not UNCHANGED:
            values["description"] = storable(description)
        if metadata is not UNCHANGED:
            values["metadata"] = Jsonb(check_metadata(metadata))
        if expires_after_days is not UNCHANGED:
            values["expires_after_days"] = _check_days(expires_after_days)
        async with self._audited(scope, "store.update", store_id=store_id, details={"changed": sorted(values)}) as conn:
            if values:
                assignments = ", ".join(f"{column} = %({column})s" for column in values)
                await conn.execute(
                    f"UPDATE stores SET {assignments} WHERE tenant = %(tenant)s AND id = %(id)s".encode(),  # noqa: S608
                    {**values, "tenant": scope.tenant, "id": store_id},
                )
            return await _get(conn, scope, store_id)

    async def delete_store(self, scope: Scope, store_id: str) -> None:
        """Deletes the store and its index; the files themselves stay."""
        async with self._audited(scope, "store.delete", store_id=store_id) as conn:
            store = await fetch_one(
                conn,
                "SELECT no, space_no FROM stores WHERE tenant = %(tenant)s AND id = %(id)s FOR UPDATE",
                {"tenant": scope.tenant, "id": store_id},
            )
            if store is None:
                raise NotFoundError("vector store", store_id)
            # One statement for each table; the cascade alone would take one for each file.
            tables = ["chunk_terms", "chunks"] + ([f"vectors_{store['space_no']}"] if store["space_no"] else [])
            for table in tables:
                await conn.execute(f"DELETE FROM {table} WHERE store_no = %s".encode(), (store["no"],))  # noqa: S608
            await conn.execute("DELETE FROM stores WHERE no = %s", (store["no"],))


async def _insert(conn: AsyncConnection[Any], scope: Scope, store_id: str, values: Mapping[str, Any]) -> Store:
    await conn.execute(
        "INSERT INTO stores (id, tenant, name, description, metadata, expires_after_days) "
        "VALUES (%(id)s, %(tenant)s, %(name)s, %(description)s, %(metadata)s, %(expires_after_days)s)",
        {**values, "id": store_id, "tenant": scope.tenant},
    )
    return await _get(conn, scope, store_id)


async def _get(conn: AsyncConnection[Any], scope: Scope, store_id: str) -> Store:
    row = await fetch_one(conn, _SELECT + " AND s.id = %(id)s", {"tenant": scope.tenant, "id": store_id})
    if row is None:
        raise NotFoundError("vector store", store_id)
    return _read(row)


async def _find(conn: AsyncConnection[Any], scope: Scope, names: Sequence[str]) -> list[Store]:
    query = f"{_SELECT} AND s.id IN ({_OLDEST})"
    rows = await fetch_all(conn, query, {"tenant": scope.tenant, "names": list(names)})
    by_name = {row["name"]: _read(row) for row in rows}
    return [by_name[name] for name in names if name in by_name]


def _read(row: Row) -> Store:
    space = EmbeddingSpace(row["model"], row["version"], row["dimension"]) if row["model"] else None
    counts = FileCounts(row["in_progress"], row["completed"], row["failed"], row["cancelled"])
    return Store(
        id=row["id"],
        tenant=row["tenant"],
        name=row["name"],
        description=row["description"],
        metadata=row["metadata"],
        status="expired" if row["expired"] else "in_progress" if counts.in_progress else "completed",
        file_counts=counts,
        usage_bytes=row["usage_bytes"],
        space=space,
        expires_after_days=row["expires_after_days"],
        created_at=row["created_at"],
        last_active_at=row["last_active_at"],
        expires_at=row["expires_at"],
    )


def _check_days(days: int | None) -> int | None:
    if days is not None and not 1 <= days <= MAX_EXPIRY_DAYS:
        raise InvalidError(
            f"expires_after.days: must be between 1 and {MAX_EXPIRY_DAYS}, not {days}.", "expires_after.days"
        )
    return days
