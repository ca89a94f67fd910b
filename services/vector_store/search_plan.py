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
from vector_store.phrases import phrases_of
from vector_store.tables import Row, fetch_one
from vector_store.words import lookup_text

# Okapi BM25's usual parameters (Robertson, Zaragoza 2009; the defaults of Lucene).
BM25_K1 = 1.2
BM25_B = 0.75
MAX_QUERY_CHARACTERS = 8000
# A long text asks by its rarest words; each word costs a look at every passage examined.
MAX_WORDS = 32
MAX_STORES = 16
MAX_TOP_K = 500
# As many neighbours as the graph index can be told to look for.
MAX_CANDIDATES = 1000
MAX_RRF_K = 1000

# Many searches share few cores: one that starts parallel workers pays more for their start than it gains. So does one
# that is compiled, and the costs that steer the planner to the inverted index would have every search compiled.
_FACTS = """
SELECT *, set_config('max_parallel_workers_per_gather', '0', true), set_config('jit', 'off', true),
       set_config('hnsw.iterative_scan', 'relaxed_order', true),
       set_config('hnsw.ef_search', least(%(most)s, greatest(
           %(nearest)s, %(ef_search)s * sqrt(greatest(1, space.vectors / %(up_to_vectors)s))))::integer::text, true)
FROM search_facts(%(tenant)s, %(store_ids)s, %(text)s),
     LATERAL (SELECT coalesce(max((s->>'space_vectors')::float8), 0) AS vectors
              FROM jsonb_array_elements(stores) AS s) AS space
"""
# The files that the caller may see and the filter leaves.
_ALLOWED = """
SELECT sf.no, sf.chunk_count FROM store_files AS sf
WHERE sf.store_no = ANY(%(stores)s)
  AND (NOT sf.restricted OR %(groups)s::text[] IS NULL OR sf.groups && %(groups)s::text[])
  AND {filter}
"""
_COUNT_ALLOWED = "SELECT coalesce(sum(chunk_count), 0)::bigint AS chunks FROM ({allowed}) AS a"


@dataclass(frozen=True, slots=True)
class GraphEffort:
    """How far the graph index looks: `ef_search` up to so many vectors, further in larger indexes."""

    ef_search: int
    up_to_vectors: int
    nearest: int
    """How many are wanted; it never looks less far."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the query. `weight` is idf * (k1 + 1): the most that it can add to a passage's score."""

    term: str
    chunks: int
    weight: float


@dataclass(frozen=True, slots=True)
class Allowed:
    """A choice of files: how many passages it leaves, and the query (with its parameters) for the files' numbers."""

    chunks: int
    sql: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SearchPlan:
    store_numbers: tuple[int, ...]
    space_no: int | None
    space_vectors: int
    """About how many vectors the space holds, those of other stores included: the graph index knows no stores."""
    chunks: int
    """Passages in the stores."""
    allowed: Allowed | None
    words: tuple[Word, ...]
    """Those that occur in the stores, rarest first."""
    ceilings: Mapping[str, float]
    """By language, the highest keyword score that a passage could have, words that occur nowhere included."""
    phrases: tuple[str, ...]
    """What counts for more where it stands word for word."""
    k_fixed: float
    k_per_word: float
    """BM25's k for a passage: k_fixed + k_per_word * its length."""
    snapshot: str
    idle_stores: tuple[int, ...]

    @property
    def visible_chunks(self) -> int:
        """How many passages can be found at all."""
        return self.chunks if self.allowed is None else self.allowed.chunks


async def plan_search(
    conn: AsyncConnection[Any], scope: Scope, request: SearchRequest, effort: GraphEffort
) -> SearchPlan:
    """Raises NotFoundError, InvalidError and SpaceMismatchError."""
    _check(request)
    facts = await fetch_one(
        conn,
        _FACTS,
        {
            "tenant": scope.tenant,
            "store_ids": list(request.store_ids),
            "text": storable(lookup_text(request.text[:MAX_QUERY_CHARACTERS])),
            "ef_search": effort.ef_search,
            "up_to_vectors": float(effort.up_to_vectors),
            "nearest": effort.nearest,
            "most": MAX_CANDIDATES,
        },
    )
    assert facts is not None
    stores = _stores(facts, request)
    numbers = tuple(store["no"] for store in stores)
    chunks = int(facts["chunks"])
    words = [Word(term, int(count), _weight(int(count), chunks)) for term, count in (facts["words"] or {}).items()]
    words.sort(key=lambda word: (word.chunks, word.term))
    average = facts["length"] / chunks if facts["length"] else 1.0
    must_choose = request.filters is not None or (facts["restricted"] and scope.groups is not None)
    return SearchPlan(
        store_numbers=numbers,
        space_no=next((store["space_no"] for store in stores if store["space_no"] is not None), None),
        space_vectors=max(chunks, *(int(store["space_vectors"]) for store in stores)),
        chunks=chunks,
        allowed=await _allowed(conn, scope, request, numbers) if must_choose else None,
        words=tuple(word for word in words if word.chunks)[:MAX_WORDS],
        ceilings=_ceilings(words, facts["languages"] or {}),
        phrases=tuple(map(lookup_text, phrases_of(storable(request.text[:MAX_QUERY_CHARACTERS])))),
        k_fixed=BM25_K1 * (1 - BM25_B),
        k_per_word=BM25_K1 * BM25_B / average,
        snapshot=facts["revisions"] or "",
        idle_stores=tuple(store["no"] for store in stores if store["idle"]),
    )


async def _allowed(
    conn: AsyncConnection[Any], scope: Scope, request: SearchRequest, store_numbers: Sequence[int]
) -> Allowed:
    condition, params = "true", dict[str, Any]()
    if request.filters is not None:
        condition, params = filter_sql(parse_filter(request.filters), "sf.attributes")
    params |= {"groups": None if scope.groups is None else list(scope.groups), "stores": list(store_numbers)}
    sql = _ALLOWED.format(filter=condition)
    row = await fetch_one(conn, _COUNT_ALLOWED.format(allowed=sql), params)
    assert row is not None
    return Allowed(row["chunks"], sql, params)


def _ceilings(words: Sequence[Word], languages: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Only the words as a language writes them can occur in its passages: `harbours` is `harbour` in English alone."""
    weights = {word.term: word.weight for word in words}
    return {
        language: sum(sorted((weights[term] for term in terms), reverse=True)[:MAX_WORDS])
        for language, terms in languages.items()
    }


def _weight(containing: int, chunks: int) -> float:
    """BM25's inverse document frequency, never negative, times k1 + 1."""
    return math.log(1 + (chunks - containing + 0.5) / (containing + 0.5)) * (BM25_K1 + 1)


def _stores(facts: Row, request: SearchRequest) -> Sequence[Mapping[str, Any]]:
    stores: Sequence[Mapping[str, Any]] = facts["stores"] or []
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
        ("top_k", request.top_k, 1, MAX_TOP_K),
        ("candidates", request.candidates, 1, MAX_CANDIDATES),
        ("keyword_weight", request.keyword_weight, 0, 1),
        ("rrf_k", request.rrf_k, 1, MAX_RRF_K),
        ("score_threshold", request.score_threshold, 0, 1),
    ):
        if not low <= value <= high:
            raise InvalidError(f"{name}: must be between {low} and {high}, not {value}.", name)
