"""A store's second index, in another embedding space: built beside the serving one, then put in its place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from common.postgres import tenant_transaction
from vector_store.errors import ConflictError, IncompleteError, NotFoundError
from vector_store.halfvec import BYTES_PER_NUMBER, to_halfvec, unit_vectors
from vector_store.models import EmbeddingSpace, Scope, SearchRequest, SearchResult, StoredChunk, Vectors
from vector_store.postgres_search import search
from vector_store.postgres_write import insert_vectors
from vector_store.tables import Row, TenantTables, fetch_all, fetch_one

# Old vectors go in steps, so that no transaction lasts.
CLEAR_ROWS = 5_000

_STORE = """
SELECT s.no, s.space_no, e.model, e.version, e.dimension, h.space_no AS shadow_no, g.model AS shadow_model,
       g.version AS shadow_version, g.dimension AS shadow_dimension
FROM stores AS s
LEFT JOIN embedding_spaces AS e ON e.no = s.space_no
LEFT JOIN shadow_indexes AS h ON h.store_no = s.no
LEFT JOIN embedding_spaces AS g ON g.no = h.space_no
WHERE s.tenant = %(tenant)s AND s.id = %(id)s
"""
_PENDING = """
FROM store_files AS sf JOIN files AS f ON f.no = sf.file_no
WHERE sf.store_no = %(store)s AND sf.chunk_count > 0
  AND NOT EXISTS (SELECT FROM shadow_files AS d WHERE d.store_file_no = sf.no)
"""
_TAKE_OVER = """
UPDATE store_files AS sf
SET vector_count = d.vectors, fingerprint = d.fingerprint,
    usage_bytes = sf.usage_bytes - sf.vector_count::bigint * %(old)s * %(size)s + d.vectors::bigint * %(new)s * %(size)s
FROM shadow_files AS d WHERE d.store_file_no = sf.no AND sf.store_no = %(store)s
"""


@dataclass(frozen=True, slots=True)
class Shadow:
    """The two indexes of a store, and how far the second is."""

    serving: EmbeddingSpace
    building: EmbeddingSpace
    files: int
    pending: int


class ShadowIndexes(TenantTables):
    """Building, searching, switching and dropping shadow indexes."""

    async def begin(self, scope: Scope, store_id: str, space: EmbeddingSpace) -> None:
        """Start a shadow in `space`, or go on with it. Raises ConflictError where that cannot be."""
        async with self._audited(scope, "store.reindex", store_id=store_id, details={"space": str(space)}) as conn:
            store = await _store(conn, scope, store_id, lock="FOR NO KEY UPDATE OF s")
            if store["space_no"] is None:
                raise ConflictError(f"Store '{store_id}' has no index yet: its first file decides on its space.")
            if _space(store) == space:
                raise ConflictError(f"Store '{store_id}' is in the space {space} already.")
            if store["shadow_no"] is not None:
                if _space(store, "shadow_") != space:
                    raise ConflictError(
                        f"A shadow of store '{store_id}' in the space {_space(store, 'shadow_')} has been begun: "
                        "finish that, or drop it with --abort."
                    )
                return
            await conn.execute(
                "INSERT INTO shadow_indexes (store_no, tenant, space_no) VALUES (%s, %s, register_space(%s, %s, %s))",
                (store["no"], scope.tenant, space.model, space.version, space.dimension),
            )

    async def state(self, scope: Scope, store_id: str) -> Shadow | None:
        """How far the shadow is; None when there is none."""
        async with self._transaction(scope) as conn:
            store = await _store(conn, scope, store_id)
            if store["shadow_no"] is None:
                return None
            query = "SELECT count(*) AS n FROM store_files WHERE store_no = %(store)s AND chunk_count > 0"
            files = await fetch_one(conn, query, {"store": store["no"]})
            pending = await fetch_one(conn, "SELECT count(*) AS n " + _PENDING, {"store": store["no"]})
        assert files and pending
        return Shadow(_space(store), _space(store, "shadow_"), files["n"], pending["n"])

    async def pending(self, scope: Scope, store_id: str, limit: int) -> list[str]:
        """Files whose present passages have no vectors in the shadow yet."""
        async with self._transaction(scope) as conn:
            store = await _shadowed(conn, scope, store_id)
            query = "SELECT f.id " + _PENDING + " ORDER BY sf.no LIMIT %(limit)s"
            return [row["id"] for row in await fetch_all(conn, query, {"store": store["no"], "limit": limit})]

    async def write(
        self,
        scope: Scope,
        store_id: str,
        file_id: str,
        chunks: Sequence[StoredChunk],
        vectors: Sequence[Vectors],
        fingerprint: str,
    ) -> bool:
        """The vectors of a file's passages, in the order of `chunks`; False if these have been replaced meanwhile."""
        async with self._transaction(scope) as conn:
            store = await _shadowed(conn, scope, store_id, lock="FOR KEY SHARE OF s")
            space = _space(store, "shadow_")
            target = await fetch_one(
                conn,
                "SELECT sf.no FROM store_files AS sf JOIN files AS f ON f.no = sf.file_no"
                " WHERE sf.store_no = %(store)s AND f.id = %(id)s FOR NO KEY UPDATE OF sf",
                {"store": store["no"], "id": file_id},
            )
            if target is None:
                return False
            numbers = [int(chunk.id.removeprefix("chunk_")) for chunk in chunks]
            params = {"no": target["no"]}
            found = await fetch_all(
                conn, "SELECT no FROM chunks WHERE store_file_no = %(no)s ORDER BY position", params
            )
            done = await fetch_one(conn, "SELECT FROM shadow_files WHERE store_file_no = %(no)s", params)
            if done is not None or [row["no"] for row in found] != numbers:
                return False
            rows = [
                (number, window, scope.tenant, store["no"], target["no"], to_halfvec(vector))
                for number, windows in zip(numbers, vectors, strict=True)
                for window, vector in enumerate(unit_vectors(windows, space.dimension, f"chunk {number}"))
            ]
            await insert_vectors(conn, store["shadow_no"], rows)
            await conn.execute(
                "INSERT INTO shadow_files (store_file_no, store_no, tenant, vectors, fingerprint)"
                " VALUES (%s, %s, %s, %s, %s)",
                (target["no"], store["no"], scope.tenant, len(rows), fingerprint),
            )
            return True

    async def search(self, scope: Scope, request: SearchRequest) -> SearchResult:
        """What the store would find if its shadow served; `request` names one store, its vector is of that space."""
        async with (
            tenant_transaction(self._pool, scope.tenant, scope.groups or ()) as conn,
            conn.transaction(force_rollback=True),
        ):
            store = await _shadowed(conn, scope, request.store_ids[0])
            # Nobody else ever sees this: it is taken back before the transaction ends.
            await conn.execute("UPDATE stores SET space_no = %s WHERE no = %s", (store["shadow_no"], store["no"]))
            return await search(conn, scope, request)

    async def switch(self, scope: Scope, store_id: str) -> None:
        """Let the shadow serve from here on; IncompleteError while a file is missing in it. Searches see one or the
        other, and writers wait for the moment it takes."""
        async with self._audited(scope, "store.switch", store_id=store_id) as conn:
            store = await _shadowed(conn, scope, store_id, lock="FOR UPDATE OF s")
            missing = await fetch_one(conn, "SELECT count(*) AS n " + _PENDING, {"store": store["no"]})
            assert missing is not None
            if missing["n"]:
                raise IncompleteError(f"The shadow of store '{store_id}' lacks {missing['n']} files: build it first.")
            sizes = {"old": store["dimension"], "new": store["shadow_dimension"], "size": BYTES_PER_NUMBER}
            await conn.execute(_TAKE_OVER, {**sizes, "store": store["no"]})
            await conn.execute("UPDATE stores SET space_no = %s WHERE no = %s", (store["shadow_no"], store["no"]))
            await conn.execute("UPDATE store_counts SET revision = revision + 1 WHERE store_no = %s", (store["no"],))
            await conn.execute("DELETE FROM shadow_indexes WHERE store_no = %s", (store["no"],))

    async def abort(self, scope: Scope, store_id: str) -> bool:
        """Give the shadow up; whether there was one. Its vectors are removed by `clear`."""
        async with self._audited(scope, "store.reindex_abort", store_id=store_id) as conn:
            store = await _store(conn, scope, store_id, lock="FOR NO KEY UPDATE OF s")
            await conn.execute("DELETE FROM shadow_indexes WHERE store_no = %s", (store["no"],))
            return store["shadow_no"] is not None

    async def clear(self, scope: Scope, store_id: str) -> int:
        """Remove vectors of the store that belong to neither of its indexes; gives how many there were."""
        removed = 0
        async with self._transaction(scope) as conn:
            spaces = await fetch_all(conn, "SELECT no FROM embedding_spaces ORDER BY no", {})
        for space in spaces:
            while step := await self._clear_some(scope, store_id, space["no"]):
                removed += step
        return removed

    async def _clear_some(self, scope: Scope, store_id: str, space_no: int) -> int:
        async with self._transaction(scope) as conn:
            # Whoever begins or switches a shadow waits: what it writes is not to be taken for a leftover.
            store = await _store(conn, scope, store_id, lock="FOR NO KEY UPDATE OF s")
            if store["space_no"] is None or space_no in (store["space_no"], store["shadow_no"]):
                return 0
            query = (
                f'DELETE FROM vectors_{space_no} WHERE (chunk_no, "window") IN (SELECT chunk_no, "window"'  # noqa: S608
                f" FROM vectors_{space_no} WHERE store_no = %s LIMIT %s)"
            )
            return (await conn.execute(query.encode(), (store["no"], CLEAR_ROWS))).rowcount


async def _store(conn: AsyncConnection[Any], scope: Scope, store_id: str, *, lock: str = "") -> Row:
    row = await fetch_one(conn, f"{_STORE} {lock}", {"tenant": scope.tenant, "id": store_id})
    if row is None:
        raise NotFoundError("vector store", store_id)
    return row


async def _shadowed(conn: AsyncConnection[Any], scope: Scope, store_id: str, *, lock: str = "") -> Row:
    store = await _store(conn, scope, store_id, lock=lock)
    if store["shadow_no"] is None:
        raise ConflictError(f"Store '{store_id}' has no shadow index.")
    return store


def _space(store: Row, prefix: str = "") -> EmbeddingSpace:
    return EmbeddingSpace(store[f"{prefix}model"], store[f"{prefix}version"], store[f"{prefix}dimension"])
