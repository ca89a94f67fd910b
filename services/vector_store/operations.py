"""What an operator asks of the whole database, over all tenants: does everything agree, and how much is there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, errors

from vector_store.errors import NotFoundError, SchemaError
from vector_store.migrations import become_owner, connect
from vector_store.models import Discrepancy
from vector_store.objects import Objects
from vector_store.postgres_verify import verify_store
from vector_store.tables import Row, fetch_all

# Requests to object storage that are under way at a time.
PARALLEL_OBJECTS = 16

_STORES = """
SELECT s.no, s.id, s.tenant, s.name, s.space_no, e.model,
       (SELECT count(*) FROM store_files AS f WHERE f.store_no = s.no) AS files,
       (SELECT count(*) FROM store_files AS f WHERE f.store_no = s.no AND f.status = 'failed') AS failed,
       (SELECT coalesce(sum(f.vector_count), 0)::bigint FROM store_files AS f WHERE f.store_no = s.no) AS vectors,
       (SELECT coalesce(sum(f.usage_bytes), 0)::bigint FROM store_files AS f WHERE f.store_no = s.no) AS bytes,
       (SELECT coalesce(sum(c.chunks), 0)::bigint FROM store_counts AS c WHERE c.store_no = s.no) AS chunks,
       (SELECT count(*) FROM term_counts AS t WHERE t.store_no = s.no) AS words
FROM stores AS s LEFT JOIN embedding_spaces AS e ON e.no = s.space_no
ORDER BY s.tenant, s.id
"""
_TABLES = """
SELECT c.relname AS name, coalesce(e.model || ' (' || e.dimension || ' dimensions)', '') AS space,
       pg_table_size(c.oid) AS data, pg_indexes_size(c.oid) AS indexes
FROM pg_class AS c LEFT JOIN embedding_spaces AS e ON c.relname = 'vectors_' || e.no
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
  AND (c.relname IN ('chunks', 'chunk_terms', 'term_counts', 'files', 'store_files') OR e.no IS NOT NULL)
ORDER BY pg_total_relation_size(c.oid) DESC
"""


async def store_sizes(owner_url: str) -> list[Row]:
    """One row for each store: id, tenant, name, model, files, failed, chunks, vectors, words, bytes."""
    async with _owner(owner_url) as conn:
        return await fetch_all(conn, _STORES, {})


async def table_sizes(owner_url: str) -> list[Row]:
    """One row for each large table: name, space, and the bytes of its data and of its indexes."""
    async with _owner(owner_url) as conn:
        return await fetch_all(conn, _TABLES, {})


async def verify_all(owner_url: str, objects: Objects | None) -> list[Discrepancy]:
    """Recounts every store and, if `objects` is given, looks for every file's bytes. Empty when all agrees."""
    found: list[Discrepancy] = []
    async with _owner(owner_url) as conn:
        for store in await fetch_all(conn, _STORES, {}):
            found += await verify_store(conn, store["id"], store["no"], store["space_no"])
        files = await fetch_all(conn, "SELECT id, object_key, bytes FROM files ORDER BY id", {}) if objects else []
    return found + await _verify_bytes(objects, files) if objects else found


async def _verify_bytes(objects: Objects, files: list[Row]) -> list[Discrepancy]:
    turns = asyncio.Semaphore(PARALLEL_OBJECTS)

    async def size(file: Row) -> int:
        async with turns:
            try:
                return await objects.size(file["object_key"])
            except NotFoundError:
                return 0

    sizes = await asyncio.gather(*(size(file) for file in files))
    return [
        Discrepancy("-", f"bytes stored of file {file['id']}", file["bytes"], found)
        for file, found in zip(files, sizes, strict=True)
        if file["bytes"] != found
    ]


@asynccontextmanager
async def _owner(owner_url: str) -> AsyncIterator[AsyncConnection[Any]]:
    async with await connect(owner_url) as conn:
        # Another role would see no tenant's rows and find that nothing disagrees.
        await become_owner(conn, "Operations over all tenants")
        try:
            yield conn
        except errors.UndefinedTable as error:
            raise SchemaError("The database has no schema yet: run `python -m vector_store migrate`.") from error
