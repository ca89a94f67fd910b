"""What a search needs to know before it looks: the stores, how rare each word is, how much a filter leaves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from vector_store.errors import InvalidError, NotFoundError, SpaceMismatchError
from vector_store.fields import storable
from vector_store.filters import filter_sql, parse_filter
from vector_store.models import EmbeddingSpace, Scope, SearchRequest
from vector_store.tables import Row, fetch_one

# Okapi BM25's usual parameters (Robertson, Zaragoza 2009; the defaults of Lucene).
BM25_K1 = 1.2
BM25_B = 0.75
MAX_QUERY_CHARACTERS = 8000
# A long text asks by its rarest words; each word costs a look at every passage examined.
MAX_WORDS = 32
MAX_STORES = 16
MAX_CANDIDATES = 500
MAX_RRF_K = 1000

_ALLOWED = """
SELECT sf.no, sf.chunk_count FROM store_files AS sf
WHERE sf.store_no = ANY({stores})
  AND (NOT sf.restricted OR %(groups)s::text[] IS NULL OR sf.groups && %(groups)s::text[])
  AND {filter}
"""
_PLAN = """
WITH wanted AS MATERIALIZED (
    SELECT s.no, s.id, s.space_no, e.model, e.version, e.dimension,
           now() >= s.last_active_at + make_interval(days => s.expires_after_days) AS expired,
           s.last_active_at < now() - interval '1 minute' AS idle
    FROM stores AS s LEFT JOIN embedding_spaces AS e ON e.no = s.space_no
    WHERE s.tenant = %(tenant)s AND s.id = ANY(%(store_ids)s)
), counted AS MATERIALIZED (
    SELECT * FROM store_counts WHERE store_no IN (SELECT no FROM wanted)
), words AS (
    SELECT DISTINCT term COLLATE "C" AS term
    FROM (SELECT DISTINCT language FROM counted) AS l,
         unnest(tsvector_to_array(to_tsvector(l.language::regconfig, %(text)s))) AS term
), known AS (
    SELECT w.term, coalesce(sum(t.chunks), 0) AS chunks
    FROM words AS w LEFT JOIN term_counts AS t ON t.term = w.term AND t.store_no = ANY(ARRAY(SELECT no FROM wanted))
    GROUP BY w.term
)
SELECT (SELECT jsonb_agg(w ORDER BY w.no) FROM wanted AS w) AS stores,
       (SELECT coalesce(sum(chunks), 0)::bigint FROM counted) AS chunks,
       (SELECT coalesce(sum(length), 0)::bigint FROM counted) AS length,
       (SELECT string_agg(store_no || '.' || language || '.' || revision, ' ' ORDER BY store_no, language)
        FROM counted) AS revisions,
       (SELECT jsonb_object_agg(term, chunks) FROM known) AS words,
       CASE WHEN %(filtered)s OR EXISTS (
                SELECT FROM store_files WHERE restricted AND store_no IN (SELECT no FROM wanted))
            THEN (SELECT coalesce(sum(chunk_count), 0)::bigint FROM ({allowed}) AS a) END AS allowed,
       set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', %(ef_search)s, true)
"""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the query. `weight` is idf * (k1 + 1): the most that it can add to a passage's score."""

    term: str
    chunks: int
    weight: float


@dataclass(frozen=True, slots=True)
class SearchPlan:
    store_numbers: tuple[int, ...]
    space_no: int | None
    chunks: int
    """Passages in the stores, in all and (with a filter or restricted documents) within what the caller may have."""
    allowed_chunks: int | None
    allowed_sql: str | None
    allowed_params: Mapping[str, Any]
    words: tuple[Word, ...]
    """Those that occur in the stores, rarest first."""
    ceiling: float
    """The highest keyword score that a passage could have, words that occur nowhere included."""
    k_fixed: float
    k_per_word: float
    """BM25's k for a passage: k_fixed + k_per_word * its length."""
    snapshot: str
    idle_stores: tuple[int, ...]

    @property
    def visible_chunks(self) -> int:
        return self.chunks if self.allowed_chunks is None else self.allowed_chunks


async def plan_search(conn: AsyncConnection[Any], scope: Scope, request: SearchRequest, ef_search: int) -> SearchPlan:
    """One statement. Raises NotFoundError, InvalidError and SpaceMismatchError."""
    _check(request)
    condition, filter_params = (
        ("true", {}) if request.filters is None else filter_sql(parse_filter(request.filters), "sf.attributes")
    )
    groups = None if scope.groups is None else list(scope.groups)
    allowed_params = {"groups": groups, **filter_params}
    row = await fetch_one(
        conn,
        _PLAN.format(allowed=_ALLOWED.format(stores="ARRAY(SELECT no FROM wanted)", filter=condition)),
        {
            "tenant": scope.tenant,
            "store_ids": list(request.store_ids),
            "text": storable(request.text[:MAX_QUERY_CHARACTERS]),
            "filtered": request.filters is not None,
            "ef_search": str(ef_search),
            **allowed_params,
        },
    )
    assert row is not None
    stores = _stores(row, request)
    chunks = int(row["chunks"])
    words = [Word(term, int(count), _weight(int(count), chunks)) for term, count in (row["words"] or {}).items()]
    words.sort(key=lambda word: (word.chunks, word.term))
    average = row["length"] / chunks if row["length"] else 1.0
    restricted = row["allowed"] is not None
    return SearchPlan(
        store_numbers=tuple(store["no"] for store in stores),
        space_no=next((store["space_no"] for store in stores if store["space_no"] is not None), None),
        chunks=chunks,
        allowed_chunks=row["allowed"],
        allowed_sql=_ALLOWED.format(stores="%(stores)s", filter=condition) if restricted else None,
        allowed_params=allowed_params,
        words=tuple(word for word in words if word.chunks)[:MAX_WORDS],
        ceiling=sum(sorted((word.weight for word in words), reverse=True)[:MAX_WORDS]),
        k_fixed=BM25_K1 * (1 - BM25_B),
        k_per_word=BM25_K1 * BM25_B / average,
        snapshot=row["revisions"] or "",
        idle_stores=tuple(store["no"] for store in stores if store["idle"]),
    )


def _weight(containing: int, chunks: int) -> float:
    """BM25's inverse document frequency, never negative, times k1 + 1."""
    return math.log(1 + (chunks - containing + 0.5) / (containing + 0.5)) * (BM25_K1 + 1)


def _stores(row: Row, request: SearchRequest) -> Sequence[Mapping[str, Any]]:
    stores: Sequence[Mapping[str, Any]] = row["stores"] or []
    found = {store["id"] for store in stores}
    for store_id in request.store_ids:
        if store_id not in found:
            raise NotFoundError("vector store", store_id)
    for store in stores:
        if store["expired"]:
            raise InvalidError(f"Vector store '{store['id']}' has expired.", "vector_store_id")
        if store["space_no"] is not None and request.space is not None:
            space = EmbeddingSpace(store["model"], store["version"], store["dimension"])
            if space != request.space:
                raise SpaceMismatchError(
                    f"Store '{store['id']}' holds vectors of {space}; those of {request.space} do not compare."
                )
    return stores


def _check(request: SearchRequest) -> None:
    if not 1 <= len(request.store_ids) <= MAX_STORES:
        raise InvalidError(f"vector_store_ids: between 1 and {MAX_STORES} stores.", "vector_store_ids")
    if (request.vector is None) != (request.space is None):
        raise InvalidError("vector: a query vector and its space come together.", "vector")
    for name, value, low, high in (
        ("top_k", request.top_k, 1, MAX_CANDIDATES),
        ("candidates", request.candidates, 1, MAX_CANDIDATES),
        ("keyword_weight", request.keyword_weight, 0, 1),
        ("rrf_k", request.rrf_k, 1, MAX_RRF_K),
        ("score_threshold", request.score_threshold, 0, 1),
    ):
        if not low <= value <= high:
            raise InvalidError(f"{name}: must be between {low} and {high}, not {value}.", name)
