"""What an operator asks of the whole database, over all tenants: does everything agree, and how much is there."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection, errors

from vector_store.byte_check import Orphan, orphans, verify_bytes
from vector_store.errors import SchemaError
from vector_store.migrations import become_owner, connect
from vector_store.models import Discrepancy
from vector_store.objects import Objects
from vector_store.postgres_verify import STRAYS, TERM_PROBLEMS, verify_store
from vector_store.repair import index_again, recount, remove_orphans, remove_strays
from vector_store.tables import Row, fetch_all

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


_USAGES = """
SELECT tenant, coalesce(f.documents, 0) AS documents, coalesce(f.bytes, 0)::bigint AS bytes,
       coalesce(u.documents, 0) AS noted_documents, coalesce(u.bytes, 0) AS noted_bytes
FROM (SELECT tenant, count(*) AS documents, sum(bytes) AS bytes FROM files GROUP BY tenant) AS f
FULL JOIN tenant_usage AS u USING (tenant) ORDER BY tenant
"""


async def store_sizes(owner_url: str) -> list[Row]:
    """One row for each store: id, tenant, name, model, files, failed, chunks, vectors, words, bytes."""
    async with owner(owner_url) as conn:
        return await fetch_all(conn, _STORES, {})


async def table_sizes(owner_url: str) -> list[Row]:
    """One row for each large table: name, space, and the bytes of its data and of its indexes."""
    async with owner(owner_url) as conn:
        return await fetch_all(conn, _TABLES, {})


async def verify_all(owner_url: str, objects: Objects | None, *, deep: bool = False) -> list[Discrepancy]:
    """Recounts every store and every tenant's usage and, if `objects` is given, looks for every file's bytes and for
    bytes of no file; with `deep` the bytes are read and their hashes compared. Empty when all agrees.
    """
    found: list[Discrepancy] = []
    async with owner(owner_url) as conn:
        for store in await fetch_all(conn, _STORES, {}):
            found += await verify_store(conn, store["id"], store["no"], store["space_no"])
        found += await _usages(conn)
        if objects is not None:
            found += await verify_bytes(conn, objects, deep=deep)
            found += [_orphan(orphan) for orphan in await orphans(conn, objects)]
    return found


async def repair_all(owner_url: str, objects: Objects | None) -> list[str]:
    """Mends what can be made anew from what is certainly right, and says what was done."""
    mended: list[str] = []
    async with owner(owner_url) as conn:
        for store in await fetch_all(conn, _STORES, {}):
            wrong = await verify_store(conn, store["id"], store["no"], store["space_no"])
            mended += await _mend(conn, store, wrong) if wrong else []
        if await _mend_usages(conn):
            mended.append("the usage of tenants was counted anew")
        left_over = await orphans(conn, objects) if objects is not None else []
        if objects is not None and left_over:
            await remove_orphans(objects, left_over)
            mended.append(f"{len(left_over)} objects that no file owns were removed")
    return mended


async def _mend(conn: AsyncConnection[Any], store: Row, wrong: Sequence[Discrepancy]) -> list[str]:
    mended: list[str] = []
    if any(problem.what in TERM_PROBLEMS for problem in wrong):
        await recount(conn, store)
        mended.append(f"store {store['id']}: its words were counted anew")
    if any(problem.what == STRAYS for problem in wrong):
        mended.append(f"store {store['id']}: {await remove_strays(conn, store)} vectors of another space were removed")
    files = await index_again(conn, store)
    if files:
        mended.append(f"store {store['id']}: {files} files are queued to be indexed again; verify once that is done")
    return mended


async def _usages(conn: AsyncConnection[Any]) -> list[Discrepancy]:
    advice = "`verify --repair` counts it anew"
    return [
        Discrepancy("-", f"{what} noted of tenant {row['tenant']}", row[what], row[f"noted_{what}"], advice)
        for row in await fetch_all(conn, _USAGES, {})
        for what in ("documents", "bytes")
        if row[what] != row[f"noted_{what}"]
    ]


async def _mend_usages(conn: AsyncConnection[Any]) -> bool:
    """Whether there was anything to mend."""
    async with conn.transaction():
        # Nobody adds or removes a file while they are counted.
        await conn.execute("LOCK TABLE files IN SHARE ROW EXCLUSIVE MODE")
        wrong = await _usages(conn)
        if wrong:
            await conn.execute("DELETE FROM tenant_usage")
            await conn.execute(
                "INSERT INTO tenant_usage (tenant, documents, bytes)"
                " SELECT tenant, count(*), sum(bytes) FROM files GROUP BY tenant"
            )
    return bool(wrong)


def _orphan(found: Orphan) -> Discrepancy:
    what = f"bytes that no file owns under {found.key}"
    return Discrepancy("-", what, 0, found.bytes, "`verify --repair` removes them")


@asynccontextmanager
async def owner(owner_url: str) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection that sees every tenant; SchemaError when it cannot be had."""
    async with await connect(owner_url) as conn:
        # Another role would see no tenant's rows and find that nothing disagrees.
        await become_owner(conn, "Operations over all tenants")
        try:
            yield conn
        except errors.UndefinedTable as error:
            raise SchemaError("The database has no schema yet: run `python -m vector_store migrate`.") from error
