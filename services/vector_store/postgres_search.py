"""Hybrid search in PostgreSQL: both legs propose passages, then every proposed passage is scored on both legs.

Each statement is planned for the values at hand. The limits below come from measurements (docs/benchmarks.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import AsyncConnection

from vector_store.fusion import Evidence, Fused, FusionRule, fuse
from vector_store.halfvec import HalfVector, adapt, to_halfvec, unit_vectors
from vector_store.models import Hit, Leg, Scope, SearchRequest, SearchResult, StoredChunk
from vector_store.phrases import has_quotes
from vector_store.search_plan import GraphEffort, SearchPlan, Word, plan_search
from vector_store.tables import Row, fetch_all

# Up to here every vector is compared; beyond, the graph index is walked where that is cheaper. It costs as much to take
# one step there as to compare so many vectors.
EXACT_ROWS = 5_000
GRAPH_STEP = 36
# How far the graph index looks before it answers, up to so many vectors; in a larger index it misses more of the ten
# nearest, so it looks further, by the square root: 50,000 vectors 0.94 of them with 100, 0.96 with 141.
EF_SEARCH = 100
EF_VECTORS = 25_000
# Passages whose words are scored in order to propose candidates. Where the vector leg proposes too, what lies beyond
# the rarest words changes nothing; alone the keyword leg looks further.
EXAMINE_IN_HYBRID = 1_000
EXAMINE_ALONE = 10_000
MAX_EXAMINE = 20_000
# Passages found by their words of which a filter leaves one: so many are read for each that is to be scored, no more.
READ_FOR_EACH = 5
# A replaced file's passages may vanish between finding and fetching them.
ATTEMPTS = 3

_BY_WORDS = """
by_words AS MATERIALIZED (
    SELECT chunk_no FROM keyword_candidates(
        %(stores)s, {files}, %(all_in_files)s, %(leading_words)s, %(leading_weights)s,
        %(k_fixed)s, %(k_per_word)s, %(examine)s, %(candidates)s) AS chunk_no
)
"""
_BY_PHRASE = """
by_phrase AS MATERIALIZED (
    SELECT chunk_no FROM phrase_candidates(%(stores)s, {files}, %(phrases)s, %(candidates)s) AS chunk_no
)
"""
_MATCHED = """
SELECT t.chunk_no AS no, ARRAY(
    SELECT w FROM unnest(%(words)s::text[]) WITH ORDINALITY AS asked (w, place)
    WHERE t.terms @@ word_query(w)::tsquery ORDER BY place) AS words
FROM chunk_terms AS t WHERE t.chunk_no = ANY(%(chunks)s)
"""


async def search(conn: AsyncConnection[Any], scope: Scope, request: SearchRequest) -> SearchResult:
    """The best passages, in a transaction of the scope's tenant."""
    for _ in range(ATTEMPTS - 1):
        result, complete = await _search_once(conn, scope, request)
        if complete:
            return result
    return (await _search_once(conn, scope, request))[0]


async def _search_once(conn: AsyncConnection[Any], scope: Scope, request: SearchRequest) -> tuple[SearchResult, bool]:
    """The result, and whether every passage found was still there to be fetched."""
    plan = await plan_search(conn, scope, request, GraphEffort(EF_SEARCH, EF_VECTORS, _nearest(request)))
    legs = _legs(plan, request)
    fused = await _find(conn, plan, request, legs) if legs else []
    best = [found for found in fused[: request.top_k] if found.score >= request.score_threshold]
    hits = await _fetch(conn, best)
    if request.explain:
        hits = await _explained(conn, plan, hits)
    await _note_use(conn, plan)
    terms = tuple(word.term for word in plan.words)
    return SearchResult(tuple(hits), legs, plan.snapshot, terms), len(hits) == len(best)


def _legs(plan: SearchPlan, request: SearchRequest) -> tuple[Leg, ...]:
    """The legs that can say something. A weight of 0 silences one; but words alone answer where there is no vector."""
    keyword = bool(plan.words)
    vector = request.vector is not None and plan.space_no is not None
    if request.fusion == "normalised":
        vector = vector and request.keyword_weight < 1
        keyword = keyword and (request.keyword_weight > 0 or not vector)
    names: list[Leg] = []
    if plan.visible_chunks and keyword:
        names.append("keyword")
    if plan.visible_chunks and vector:
        names.append("vector")
    return tuple(names)


async def _find(
    conn: AsyncConnection[Any], plan: SearchPlan, request: SearchRequest, legs: Sequence[Leg]
) -> list[Fused]:
    rule = FusionRule(
        method=request.fusion,
        keyword_weight=request.keyword_weight if len(legs) == 2 else float("keyword" in legs),
        rrf_k=request.rrf_k,
        candidates=request.candidates,
        quoted=has_quotes(request.text),
    )
    statement = _Statement(plan, request, legs)
    evidence, nearest = await statement.run(conn)
    if statement.walks_graph and nearest < request.top_k:
        # The graph gave up before it had enough (few of its neighbours pass the filter): look at all of them. What the
        # keyword leg proposed does not count: a passage that only its vector can find would be lost unnoticed.
        evidence, _ = await _Statement(plan, request, legs, exact=True).run(conn)
    return fuse(evidence, rule)


@dataclass(frozen=True, slots=True)
class _Statement:
    """The one statement that proposes and scores."""

    plan: SearchPlan
    request: SearchRequest
    legs: Sequence[Leg]
    exact: bool = False

    @property
    def walks_graph(self) -> bool:
        """The graph offers the space's vectors, of which only the visible ones pass: the fewer, the more it takes."""
        visible, nearest = self.plan.visible_chunks, _nearest(self.request)
        if "vector" not in self.legs or self.exact or visible <= EXACT_ROWS:
            return False
        return visible > GRAPH_STEP * nearest * self.plan.space_vectors / visible

    async def run(self, conn: AsyncConnection[Any]) -> tuple[list[Evidence], int]:
        """Every passage proposed with its scores, and how many of them the vector leg proposed."""
        async with conn.cursor() as cursor:
            adapt(cursor)
            await cursor.execute(self._text().encode(), self._params())
            rows = await cursor.fetchall()
        evidence = [
            Evidence(no, keyword, vector, self.plan.ceilings.get(language, 0.0), phrase)
            for no, keyword, language, vector, phrase, _ in rows
        ]
        return evidence, sum(near for *_, near in rows)

    def _text(self) -> str:
        tables: list[str] = []
        if self.plan.allowed is not None:
            tables.append(f"allowed AS MATERIALIZED ({self.plan.allowed.sql})")
        if "keyword" in self.legs:
            files = "NULL" if self.plan.allowed is None else "ARRAY(SELECT no FROM allowed)"
            tables.append(_BY_WORDS.format(files=files))
            if self.plan.phrases:
                tables.append(_BY_PHRASE.format(files=files))
        if "vector" in self.legs:
            tables.append(f"by_vector AS MATERIALIZED ({self._nearest()})")
        union = " UNION ".join(f"SELECT DISTINCT chunk_no FROM {name}" for name in self._proposers())  # noqa: S608
        tables.append(f"proposed AS MATERIALIZED ({union})")
        return f"WITH {', '.join(tables)} {self._scores()}"

    def _proposers(self) -> list[str]:
        names = ["by_words"] if "keyword" in self.legs else []
        if "keyword" in self.legs and self.plan.phrases:
            names.append("by_phrase")
        if "vector" in self.legs:
            names.append("by_vector")
        return names

    def _nearest(self) -> str:
        """`+ 0` keeps the graph index out where every vector is to be compared."""
        restricted, distance = "", "embedding <#> %(vector)b::halfvec"
        order = distance if self.walks_graph else f"({distance}) + 0"
        if self.plan.allowed is not None and self.walks_graph:
            # Wrapped, the membership stays a test on each vector that the graph offers and is not turned into a join.
            restricted = " AND (store_file_no IN (SELECT no FROM allowed)) IS TRUE"
        elif self.plan.allowed is not None:
            # As an array it is looked up in the index by file: only what the filter leaves is read.
            restricted = " AND store_file_no = ANY(ARRAY(SELECT no FROM allowed))"
        return (
            f"SELECT chunk_no FROM vectors_{self.plan.space_no} WHERE store_no = ANY(%(stores)s){restricted}"  # noqa: S608
            f" ORDER BY {order} LIMIT %(nearest)s"
        )

    def _scores(self) -> str:
        keyword, vector, phrase, near = "0::float8, NULL", "NULL::float8", "false", "false"
        join = ""
        if "by_phrase" in self._proposers():
            phrase = "p.chunk_no IN (SELECT chunk_no FROM by_phrase)"
        if "keyword" in self.legs:
            keyword = "coalesce(k.score, 0), k.language"
            join = (
                " LEFT JOIN keyword_scores(ARRAY(SELECT chunk_no FROM proposed), %(words)s, %(weights)s,"
                " %(k_fixed)s, %(k_per_word)s) AS k ON k.chunk_no = p.chunk_no"
            )
        if "vector" in self.legs:
            vector = (
                f"(SELECT -min(v.embedding <#> %(vector)b::halfvec) FROM vectors_{self.plan.space_no} AS v"  # noqa: S608
                " WHERE v.chunk_no = p.chunk_no)"
            )
            near = "p.chunk_no IN (SELECT chunk_no FROM by_vector)"
        return f"SELECT p.chunk_no, {keyword}, {vector}, {phrase}, {near} FROM proposed AS p{join}"  # noqa: S608

    def _params(self) -> dict[str, Any]:
        plan, request = self.plan, self.request
        alone = "vector" not in self.legs
        leading = _leading(plan, EXAMINE_ALONE if alone else EXAMINE_IN_HYBRID)
        few = plan.allowed is not None and plan.allowed.chunks <= EXAMINE_IN_HYBRID
        # Where the words occur in many more passages than the filter leaves, those left are scored sooner than found.
        work = sum(word.chunks for word in leading)
        fewer = plan.allowed is not None and plan.allowed.chunks * len(leading) < min(work, MAX_EXAMINE)
        return {
            **({} if plan.allowed is None else plan.allowed.params),
            "stores": list(plan.store_numbers),
            "all_in_files": few or fewer,
            "leading_words": [word.term for word in (plan.words if few else leading)],
            "leading_weights": [word.weight for word in (plan.words if few else leading)],
            "words": [word.term for word in plan.words],
            "weights": [word.weight for word in plan.words],
            "k_fixed": plan.k_fixed,
            "k_per_word": plan.k_per_word,
            "phrases": list(plan.phrases),
            "examine": MAX_EXAMINE,
            "candidates": max(request.candidates, request.top_k),
            "nearest": _nearest(request),
            "vector": self._vector(),
        }

    def _vector(self) -> HalfVector | None:
        if self.request.vector is None or self.request.space is None:
            return None
        return to_halfvec(unit_vectors(self.request.vector, self.request.space.dimension, "query")[0])


def _nearest(request: SearchRequest) -> int:
    """How many vectors to propose: enough passages for the answer even where each has two windows."""
    return max(request.candidates, 2 * request.top_k)


def _leading(plan: SearchPlan, examine: int) -> Sequence[Word]:
    """The rarest words whose passages together are few enough to look at; at least one."""
    share = plan.visible_chunks / plan.chunks
    leading: list[Word] = []
    passages = 0
    for word in plan.words:
        passages += word.chunks
        if leading and (passages * share > examine or passages > examine * READ_FOR_EACH):
            break
        leading.append(word)
    return leading


async def _fetch(conn: AsyncConnection[Any], fused: Sequence[Fused]) -> list[Hit]:
    if not fused:
        return []
    rows = await fetch_all(conn, "SELECT * FROM passages(%(chunks)s)", {"chunks": [found.chunk_no for found in fused]})
    by_number = {row["no"]: row for row in rows}
    return [_hit(by_number[found.chunk_no], found) for found in fused if found.chunk_no in by_number]


async def _explained(conn: AsyncConnection[Any], plan: SearchPlan, hits: Sequence[Hit]) -> list[Hit]:
    """The hits with the words of the query that each of them has."""
    numbers = [int(hit.chunk.id.removeprefix("chunk_")) for hit in hits]
    asked = {"words": [word.term for word in plan.words], "chunks": numbers}
    matched = {row["no"]: tuple(row["words"]) for row in await fetch_all(conn, _MATCHED, asked)}
    return [replace(hit, matched=matched.get(number, ())) for hit, number in zip(hits, numbers, strict=True)]


def _hit(row: Row, found: Fused) -> Hit:
    return Hit(
        chunk=stored_chunk(row),
        store_id=row["store_id"],
        filename=row["filename"],
        attributes=row["attributes"],
        score=found.score,
        keyword=found.keyword,
        vector=found.vector,
        phrase=found.phrase,
        indexed_at=row["indexed_at"],
    )


def stored_chunk(row: Row) -> StoredChunk:
    """A row of chunks with its `file_id`."""
    return StoredChunk(
        id=f"chunk_{row['no']}",
        file_id=row["file_id"],
        position=row["position"],
        text=row["text"],
        title=row["title"],
        headings=tuple(row["headings"]),
        page=row["page"],
        page_end=row["page_end"],
        tokens=row["tokens"],
        metadata=row["metadata"],
    )


async def _note_use(conn: AsyncConnection[Any], plan: SearchPlan) -> None:
    """Keeps stores that are used from expiring; written at most once a minute for each."""
    if plan.idle_stores:
        await conn.execute(
            "UPDATE stores SET last_active_at = now() WHERE no = ANY(%s)"
            " AND last_active_at < now() - interval '1 minute'",
            (list(plan.idle_stores),),
        )
