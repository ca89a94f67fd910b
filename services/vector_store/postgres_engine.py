"""The chunk engine on PostgreSQL with pgvector."""

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from common.postgres import READ_SILENCE_S, Pool, tenant_transaction
from vector_store.errors import NotFoundError
from vector_store.models import (
    DEFAULT_LANGUAGE,
    Chunk,
    Counts,
    Discrepancy,
    EmbeddingSpace,
    Scope,
    SearchRequest,
    SearchResult,
    StoredChunk,
)
from vector_store.postgres_search import search, stored_chunk
from vector_store.postgres_verify import count_store, verify_store
from vector_store.postgres_write import ChunkWriter
from vector_store.tables import Row, fetch_all, fetch_one

_READ = """
SELECT c.no, f.id AS file_id, c.position, c.text, c.title, c.headings, c.page, c.page_end, c.tokens, c.metadata
FROM stores AS s
JOIN store_files AS sf ON sf.store_no = s.no
JOIN files AS f ON f.no = sf.file_no
LEFT JOIN chunks AS c ON c.store_file_no = sf.no AND c.position BETWEEN %(first)s AND %(last)s
WHERE s.tenant = %(tenant)s AND s.id = %(store_id)s AND f.id = %(file_id)s
  AND (NOT sf.restricted OR %(groups)s::text[] IS NULL OR sf.groups && %(groups)s::text[])
ORDER BY c.position
"""
LAST_POSITION = 2**31 - 1


class PostgresChunkStore:
    """A `ChunkStore` in the application's own database; its pool must not cache plans (`common.postgres.open_pool`)."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def write(
        self,
        scope: Scope,
        store_id: str,
        file_id: str,
        chunks: Sequence[Chunk],
        *,
        space: EmbeddingSpace,
        fingerprint: str,
        language: str = DEFAULT_LANGUAGE,
    ) -> None:
        async with tenant_transaction(self._pool, scope.tenant, scope.groups or ()) as conn:
            await ChunkWriter(conn, scope, store_id, file_id).replace(chunks, space, fingerprint, language)

    async def delete(self, scope: Scope, store_id: str, file_id: str) -> int:
        async with tenant_transaction(self._pool, scope.tenant, scope.groups or ()) as conn:
            return await ChunkWriter(conn, scope, store_id, file_id).remove()

    async def search(self, scope: Scope, request: SearchRequest) -> SearchResult:
        async with tenant_transaction(self._pool, scope.tenant, scope.groups or (), silence_s=READ_SILENCE_S) as conn:
            return await search(conn, scope, request)

    async def read(
        self, scope: Scope, store_id: str, file_id: str, *, first: int = 0, last: int | None = None
    ) -> list[StoredChunk]:
        groups = None if scope.groups is None else list(scope.groups)
        params = {"tenant": scope.tenant, "store_id": store_id, "file_id": file_id, "groups": groups}
        params |= {"first": first, "last": LAST_POSITION if last is None else last}
        async with tenant_transaction(self._pool, scope.tenant, scope.groups or ()) as conn:
            rows = await fetch_all(conn, _READ, params)
        if not rows:
            raise NotFoundError("vector store file", file_id)
        return [stored_chunk(row) for row in rows if row["no"] is not None]

    async def count(self, scope: Scope, store_id: str) -> Counts:
        async with tenant_transaction(self._pool, scope.tenant, scope.groups or ()) as conn:
            store = await self._store(conn, scope, store_id)
            return await count_store(conn, store["no"], store["space_no"])

    async def verify(self, scope: Scope, store_id: str) -> list[Discrepancy]:
        async with tenant_transaction(self._pool, scope.tenant, scope.groups or ()) as conn:
            store = await self._store(conn, scope, store_id)
            return await verify_store(conn, store_id, store["no"], store["space_no"])

    async def _store(self, conn: AsyncConnection[Any], scope: Scope, store_id: str) -> Row:
        row = await fetch_one(
            conn,
            "SELECT no, space_no FROM stores WHERE tenant = %(tenant)s AND id = %(id)s",
            {"tenant": scope.tenant, "id": store_id},
        )
        if row is None:
            raise NotFoundError("vector store", store_id)
        return row
