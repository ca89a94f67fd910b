"""Recounts what PostgreSQL keeps in two places, in one statement and so on one state of the data."""

from typing import Any

from psycopg import AsyncConnection

from vector_store.halfvec import BYTES_PER_NUMBER
from vector_store.models import Counts, Discrepancy
from vector_store.tables import fetch_all, fetch_one
from vector_store.words import terms_of

_NO_VECTORS = "SELECT NULL::bigint AS chunk_no, NULL::bigint AS store_file_no, NULL::text AS tenant WHERE false"

_COUNT = """
SELECT (SELECT count(*) FROM store_files WHERE store_no = %(store)s AND chunk_count > 0) AS files,
       (SELECT count(*) FROM chunks WHERE store_no = %(store)s) AS chunks,
       (SELECT count(*) FROM ({vectors}) AS v) AS vectors
"""

# Each part says in words what should be so, how many there should be and how many there are.
_VERIFY = """
WITH s AS MATERIALIZED (
    SELECT s.tenant, coalesce(e.dimension, 0) AS dimension
    FROM stores AS s LEFT JOIN embedding_spaces AS e ON e.no = s.space_no WHERE s.no = %(store)s),
f AS MATERIALIZED (SELECT * FROM store_files WHERE store_no = %(store)s),
c AS MATERIALIZED (
    SELECT no, store_file_no, tenant, octet_length(text) AS bytes FROM chunks WHERE store_no = %(store)s),
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
SELECT 'files of another size than noted', 0,
       (SELECT count(*) FROM s, f LEFT JOIN (SELECT store_file_no, sum(bytes) AS n FROM c GROUP BY 1) AS c
        ON c.store_file_no = f.no
        WHERE f.usage_bytes <> coalesce(c.n, 0) + f.vector_count * s.dimension * %(bytes_per_number)s)
UNION ALL
SELECT 'files with chunks but without a fingerprint', 0,
       (SELECT count(*) FROM f WHERE chunk_count > 0 AND fingerprint IS NULL)
UNION ALL
SELECT 'chunks without their words', 0,
       (SELECT count(*) FROM c WHERE NOT EXISTS (
            SELECT FROM w WHERE w.chunk_no = c.no AND w.store_file_no = c.store_file_no))
UNION ALL
SELECT 'chunks whose words are not those of their text', 0,
       (SELECT count(*) FROM w JOIN chunks AS c ON c.no = w.chunk_no
        WHERE w.terms <> {terms}
           OR w.length <> length_of(w.terms))
UNION ALL
SELECT 'words without their chunk', 0,
       (SELECT count(*) FROM w WHERE NOT EXISTS (
            SELECT FROM c WHERE c.no = w.chunk_no AND c.store_file_no = w.store_file_no))
UNION ALL
SELECT 'vectors without their chunk', 0,
       (SELECT count(*) FROM v WHERE NOT EXISTS (
            SELECT FROM c WHERE c.no = v.chunk_no AND c.store_file_no = v.store_file_no))
UNION ALL
SELECT 'vectors of another space than the store has', 0, (SELECT count(*) FROM ({strays}) AS strays)
UNION ALL
SELECT 'rows of another tenant', 0,
       (SELECT count(*) FROM s JOIN (SELECT tenant FROM f UNION ALL SELECT tenant FROM c
            UNION ALL SELECT tenant FROM w UNION ALL SELECT tenant FROM v) AS r ON r.tenant <> s.tenant)
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
    spaces = await fetch_all(conn, "SELECT no FROM embedding_spaces ORDER BY no", {})
    strays = " UNION ALL ".join(_vectors(space["no"]) for space in spaces if space["no"] != space_no) or _NO_VECTORS
    query = _VERIFY.format(vectors=_vectors(space_no), strays=strays, terms=terms_of("w.language"))
    rows = await fetch_all(conn, query, {"store": store_no, "bytes_per_number": BYTES_PER_NUMBER})
    return [
        Discrepancy(store_id, row["what"], int(row["expected"]), int(row["found"]))
        for row in rows
        if row["expected"] != row["found"]
    ]


def _vectors(space_no: int | None) -> str:
    if space_no is None:
        return _NO_VECTORS
    return f"SELECT chunk_no, store_file_no, tenant FROM vectors_{space_no} WHERE store_no = %(store)s"  # noqa: S608
