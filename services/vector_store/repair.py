"""What `verify --repair` mends: only what can be made anew from what is certainly right."""

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from vector_store.byte_check import Orphan
from vector_store.jobs import INGEST_FILE, enqueue
from vector_store.objects import Objects
from vector_store.postgres_verify import broken_files
from vector_store.tables import Row, fetch_all

# As the triggers of the schema do it, from the words that are there.
_RECOUNT = """
WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtext('fairlead.term_counts'), %(store)s))
SELECT count(*) FROM turn
"""
_CLEAR = "DELETE FROM {table} WHERE store_no = %(store)s"
_COUNT_TERMS = """
INSERT INTO term_counts (store_no, term, tenant, chunks)
SELECT c.store_no, w.lexeme, c.tenant, count(*) FROM chunk_terms AS c, unnest(c.terms) AS w
WHERE c.store_no = %(store)s GROUP BY 1, 2, 3
"""
_COUNT_LANGUAGES = """
INSERT INTO store_counts (store_no, language, tenant, chunks, length, revision)
SELECT c.store_no, c.language, c.tenant, count(*), sum(c.length), %(revision)s
FROM chunk_terms AS c WHERE c.store_no = %(store)s GROUP BY 1, 2, 3
"""
_STRAYS = """
DELETE FROM vectors_{space} WHERE store_no = %(store)s
AND EXISTS (SELECT FROM stores WHERE no = %(store)s AND space_no <> %(space)s)
AND NOT EXISTS (SELECT FROM shadow_indexes WHERE store_no = %(store)s AND space_no = %(space)s)
"""


async def recount(conn: AsyncConnection[Any], store: Row) -> None:
    """Make a store's word counts anew; its writers wait meanwhile."""
    values: dict[str, Any] = {"store": store["no"]}
    async with conn.transaction():
        await conn.execute(_RECOUNT, values)
        before = await fetch_all(conn, "SELECT coalesce(max(revision), 0) AS n FROM store_counts", {})
        for table in ("term_counts", "store_counts"):
            await conn.execute(_CLEAR.format(table=table).encode(), values)
        await conn.execute(_COUNT_TERMS, values)
        # A revision that was seen before would make two contents look like one.
        await conn.execute(_COUNT_LANGUAGES, {**values, "revision": before[0]["n"] + 1})


async def index_again(conn: AsyncConnection[Any], store: Row) -> int:
    """Queue the files whose passages, words or vectors do not agree; the worker makes them from their bytes."""
    files = await broken_files(conn, store["no"], store["space_no"])
    for file in files:
        async with conn.transaction():
            await conn.execute(
                "UPDATE store_files SET fingerprint = NULL, status = 'in_progress', error_code = NULL,"
                " error_message = NULL WHERE no = %s",
                (file["no"],),
            )
            args = {"tenant": store["tenant"], "store_id": store["id"], "file_id": file["id"]}
            await enqueue(conn, INGEST_FILE, args, lock=f"{INGEST_FILE}/{store['id']}/{file['id']}")
    return len(files)


async def remove_strays(conn: AsyncConnection[Any], store: Row) -> int:
    """Delete vectors that belong to neither of a store's indexes, such as a reindex leaves that was killed at its end.

    Not where the store has no space: then it is the store's row that is wrong.
    """
    removed = 0
    for space in await fetch_all(conn, "SELECT no FROM embedding_spaces", {}):
        query = _STRAYS.format(space=space["no"])
        removed += (await conn.execute(query.encode(), {"store": store["no"], "space": space["no"]})).rowcount
    return removed


async def remove_orphans(objects: Objects, found: Sequence[Orphan]) -> None:
    """Delete bytes that no file owns."""
    for orphan in found:
        await objects.delete(orphan.key)
