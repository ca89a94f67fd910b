"""Recounts what PostgreSQL keeps in two places, in one statement and so on one state of the data."""

from typing import Any

from psycopg import AsyncConnection

from vector_store.models import Counts, Discrepancy
from vector_store.tables import fetch_all, fetch_one

_NO_VECTORS = "SELECT NULL::bigint AS chunk_no, NULL::bigint AS store_file_no WHERE false"

_COUNT = """
SELECT (SELECT count(*) FROM store_files WHERE store_no = %(store)s AND chunk_count > 0) AS files,
       (SELECT count(*) FROM chunks WHERE store_no = %(store)s) AS chunks,
       (SELECT count(*) FROM ({vectors}) AS v) AS vectors
"""

# Each part says in words what should be so, how many there should be and how many there are.
_VERIFY = """
WITH f AS MATERIALIZED (SELECT * FROM store_files WHERE store_no = %(store)s),
c AS MATERIALIZED (SELECT no, store_file_no FROM chunks WHERE store_no = %(store)s),
w AS MATERIALIZED (SELECT * FROM chunk_terms WHERE store_no = %(store)s),
v AS MATERIALIZED ({vectors}),
terms AS (SELECT t.lexeme COLLATE "C" AS term, count(*) AS chunks FROM w, unnest(w.terms) AS t GROUP BY 1),
totals AS (SELECT language, count(*) AS chunks, sum(length) AS length FROM w GROUP BY 1)
SELECT 'chunks of its files' AS what,
       (SELECT coalesce(sum(chunk_count), 0) FROM f) AS expected, (SELECT count(*) FROM c) AS found
UNION ALL
SELECT 'files with another number of chunks than noted', 0,
       (SELECT count(*) FROM f LEFT JOIN (SELECT store_file_no, count(*) AS n FROM c GROUP BY 1) AS c
        ON c.store_file_no = f.no WHERE f.chunk_count <> coalesce(c.n, 0))
UNION ALL
SELECT 'files with another number of vectors than noted', 0,
       (SELECT count(*) FROM f LEFT JOIN (SELECT store_file_no, count(*) AS n FROM v GROUP BY 1) AS v
        ON v.store_file_no = f.no WHERE f.vector_count <> coalesce(v.n, 0))
UNION ALL
SELECT 'files with chunks but without a fingerprint', 0,
       (SELECT count(*) FROM f WHERE chunk_count > 0 AND fingerprint IS NULL)
UNION ALL
SELECT 'chunks without their words', 0,
       (SELECT count(*) FROM c WHERE NOT EXISTS (SELECT FROM w WHERE w.chunk_no = c.no))
UNION ALL
SELECT 'words without their chunk', 0,
       (SELECT count(*) FROM w WHERE NOT EXISTS (SELECT FROM c WHERE c.no = w.chunk_no))
UNION ALL
SELECT 'vectors without their chunk', 0,
       (SELECT count(*) FROM v WHERE NOT EXISTS (SELECT FROM c WHERE c.no = v.chunk_no))
UNION ALL
SELECT 'term counts that are wrong', 0,
       (SELECT count(*) FROM terms AS t FULL JOIN (SELECT * FROM term_counts WHERE store_no = %(store)s) AS k
        USING (term) WHERE t.chunks IS DISTINCT FROM k.chunks)
UNION ALL
SELECT 'languages with wrong totals', 0,
       (SELECT count(*) FROM totals AS t
        FULL JOIN (SELECT * FROM store_counts WHERE store_no = %(store)s AND chunks <> 0) AS k USING (language)
        WHERE (t.chunks, t.length) IS DISTINCT FROM (k.chunks, k.length))
"""


async def count_store(conn: AsyncConnection[Any], store_no: int, space_no: int | None) -> Counts:
    row = await fetch_one(conn, _COUNT.format(vectors=_vectors(space_no)), {"store": store_no})
    assert row is not None
    return Counts(row["files"], row["chunks"], row["vectors"])


async def verify_store(
    conn: AsyncConnection[Any], store_id: str, store_no: int, space_no: int | None
) -> list[Discrepancy]:
    """What does not agree; empty when all does."""
    rows = await fetch_all(conn, _VERIFY.format(vectors=_vectors(space_no)), {"store": store_no})
    return [
        Discrepancy(store_id, row["what"], int(row["expected"]), int(row["found"]))
        for row in rows
        if row["expected"] != row["found"]
    ]


def _vectors(space_no: int | None) -> str:
    if space_no is None:
        return _NO_VECTORS
    return f"SELECT chunk_no, store_file_no FROM vectors_{space_no} WHERE store_no = %(store)s"  # noqa: S608
