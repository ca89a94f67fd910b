"""Recounts what PostgreSQL keeps in two places, in one statement and so on one state of the data."""

from typing import Any

from psycopg import AsyncConnection

from vector_store.halfvec import BYTES_PER_NUMBER
from vector_store.models import Counts, Discrepancy
from vector_store.tables import Row, fetch_all, fetch_one
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
SELECT 'files with another number of vectors in the shadow index than noted', 0,
       (SELECT count(*) FROM (SELECT store_file_no, vectors FROM shadow_files WHERE store_no = %(store)s) AS d
        FULL JOIN (SELECT g.store_file_no, count(*) AS n FROM ({shadow}) AS g JOIN c ON c.no = g.chunk_no GROUP BY 1)
            AS g USING (store_file_no) WHERE d.vectors IS DISTINCT FROM g.n)
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


TERM_PROBLEMS = ("term counts that are wrong", "languages with wrong totals")
STRAYS = "vectors of another space than the store has"
SHADOW = "files with another number of vectors in the shadow index than noted"
_NOT_MENDED = ("rows of another tenant",)

_BROKEN = """
SELECT f.no, files.id FROM store_files AS f JOIN files ON files.no = f.file_no
LEFT JOIN (SELECT store_file_no, count(*) AS n FROM chunks WHERE store_no = %(store)s GROUP BY 1) AS c
    ON c.store_file_no = f.no
LEFT JOIN (SELECT store_file_no, count(*) AS n FROM ({vectors}) AS v GROUP BY 1)
    AS v ON v.store_file_no = f.no
LEFT JOIN (SELECT w.store_file_no, count(*) AS n,
                  bool_and(w.terms = {terms} AND w.length = length_of(w.terms)) AS agree
           FROM chunk_terms AS w LEFT JOIN chunks AS c ON c.no = w.chunk_no WHERE w.store_no = %(store)s GROUP BY 1)
    AS w ON w.store_file_no = f.no
WHERE f.store_no = %(store)s AND f.status <> 'in_progress'
  AND (f.chunk_count <> coalesce(c.n, 0) OR f.vector_count <> coalesce(v.n, 0)
       OR coalesce(w.n, 0) <> coalesce(c.n, 0) OR NOT coalesce(w.agree, true)
       OR (f.chunk_count > 0 AND f.fingerprint IS NULL))
ORDER BY f.no
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
    shadow = await fetch_one(conn, "SELECT space_no FROM shadow_indexes WHERE store_no = %(no)s", {"no": store_no})
    shadow_no = shadow["space_no"] if shadow else None
    others = [space["no"] for space in spaces if space["no"] not in (space_no, shadow_no)]
    strays = " UNION ALL ".join(_vectors(no) for no in others) or _NO_VECTORS
    tables = {"vectors": _vectors(space_no), "shadow": _vectors(shadow_no)}
    query = _VERIFY.format(**tables, strays=strays, terms=terms_of("w.language"))
    rows = await fetch_all(conn, query, {"store": store_no, "bytes_per_number": BYTES_PER_NUMBER})
    return [
        Discrepancy(store_id, row["what"], int(row["expected"]), int(row["found"]), _advice(row["what"]))
        for row in rows
        if row["expected"] != row["found"]
    ]


async def broken_files(conn: AsyncConnection[Any], store_no: int, space_no: int | None) -> list[Row]:
    """The files (no, id) whose chunks, words and vectors are not what is noted of them or do not belong together."""
    query = _BROKEN.format(vectors=_vectors(space_no), terms=terms_of("w.language"))
    return await fetch_all(conn, query, {"store": store_no})


def _advice(what: str) -> str:
    if what in TERM_PROBLEMS:
        return "`verify --repair` counts the words anew"
    if what in _NOT_MENDED:
        return "this is not to be mended by itself: restore a backup, and tell the people who make Fairlead"
    if what == STRAYS:
        return "`verify --repair` removes them"
    if what == SHADOW:
        return "`python -m ingestion reindex STORE --abort` drops the shadow index; then build it again"
    return "`verify --repair` has the files concerned indexed again"


def _vectors(space_no: int | None) -> str:
    if space_no is None:
        return _NO_VECTORS
    return f"SELECT chunk_no, store_file_no, tenant FROM vectors_{space_no} WHERE store_no = %(store)s"  # noqa: S608
