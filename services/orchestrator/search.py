"""Searching one store for a caller: rewrite where asked, embed, search, and merge what several queries found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from common.auth import Caller
from common.deadline import Deadline
from common.errors import invalid
from common.telemetry import Span
from orchestrator.pipeline import conversation, ranking, retrieval_health, spaces
from orchestrator.pipeline.passages import fitting
from orchestrator.pipeline.ranking import Ranking
from orchestrator.pipeline.run import DEGRADED, POOL_FAILURES, Parts
from orchestrator.tunables import OrchestratorTunables
from vector_store.errors import SpaceMismatchError
from vector_store.models import EmbeddingSpace, Hit, Scope, SearchRequest, SearchResult, Vectors

# Traces show this much text of what was found.
TRACED_CHARS = 100_000


@dataclass(frozen=True)
class Wanted:
    """What is looked for."""

    store_id: str
    queries: tuple[str, ...]
    top_k: int
    filters: Mapping[str, Any] | None
    score_threshold: float
    keyword_weight: float | None
    rewrite: bool
    rerank: bool
    explain: bool = False


@dataclass(frozen=True)
class Found:
    """What was found, best first, by which queries, and which steps could not do their part."""

    queries: tuple[str, ...]
    hits: tuple[Hit, ...]
    legs: tuple[str, ...]
    snapshot: str
    degraded: tuple[str, ...]


class Search:
    """One search. It degrades as an answer does: without the pool the keywords alone are searched."""

    def __init__(self, parts: Parts, caller: Caller, tunables: OrchestratorTunables, deadline: Deadline) -> None:
        self._parts = parts
        self._caller = caller
        self._scope = Scope(caller.tenant, caller.groups)
        self._tunables = tunables
        self._deadline = deadline
        self._degraded: list[str] = []

    async def run(self, wanted: Wanted, span: Span) -> Found:
        """Search; raises the store's errors, and ApiError 400 for a query without text or one that is too long."""
        try:
            return await self._run(wanted, span)
        except SpaceMismatchError:
            # The store was given an index of another space after the query was embedded.
            return await self._run(wanted, span)

    async def _run(self, wanted: Wanted, span: Span) -> Found:
        queries = [self._checked(query, place) for place, query in enumerate(wanted.queries)]
        if wanted.rewrite:
            queries = [await self._rewritten(query) for query in queries]
        span.input(queries[0] if len(queries) == 1 else queries)
        space, vectors = await self._vectors(wanted.store_id, queries)
        rank = Ranking(wanted.top_k, wanted.rerank, wanted.score_threshold, self._tunables)
        request = SearchRequest(
            store_ids=(wanted.store_id,),
            text="",
            space=space,
            top_k=rank.fetched,
            candidates=max(self._tunables.candidates, rank.fetched),
            fusion=self._tunables.fusion,
            keyword_weight=self._tunables.keyword_weight if wanted.keyword_weight is None else wanted.keyword_weight,
            rrf_k=self._tunables.rrf_k,
            filters=wanted.filters,
            score_threshold=rank.fetched_from,
            explain=wanted.explain,
        )
        results: list[SearchResult] = []
        for place, query in enumerate(queries):
            vector = None if vectors is None else vectors[place]
            results.append(await self._parts.chunks.search(self._scope, replace(request, text=query, vector=vector)))
        lists = [result.hits for result in results]
        for hits in lists:
            retrieval_health.measure("search", rank.settled(hits))
        if wanted.rerank:
            lists = [await self._reranked(query, hits) for query, hits in zip(queries, lists, strict=True)]
        hits = rank.settled(merged(lists))
        span.documents([passage.as_document() for passage in fitting(hits, TRACED_CHARS)])
        span.set("fairlead.index_snapshot", results[0].snapshot)
        return Found(tuple(queries), hits, results[0].legs, results[0].snapshot, tuple(self._degraded))

    def _checked(self, query: str, place: int) -> str:
        text = conversation.clean(query)
        longest = self._tunables.max_question_chars
        if not text:
            raise invalid(f"Query {place} has no text.", "query")
        if len(text) > longest:
            raise invalid(f"Query {place} has {len(text)} characters; at most {longest} are accepted.", "query")
        return text

    async def _rewritten(self, query: str) -> str:
        body = conversation.rewrite_body(self._tunables.model, (), query)
        try:
            reply = await self._parts.pool.chat(
                body, deadline=self._deadline.sooner(self._tunables.rewrite_timeout_s), lane=self._caller.lane
            )
            return conversation.rewritten(reply, query, self._tunables.max_question_chars)
        except POOL_FAILURES as error:
            self._degrade("rewrite", error)
            return query

    async def _vectors(self, store_id: str, queries: Sequence[str]) -> tuple[EmbeddingSpace | None, Vectors | None]:
        store = await self._parts.catalog.get_store(self._scope, store_id)
        try:
            space = spaces.common_space([store], self._tunables.embedding_model)
            if space is None:
                return None, None
            deadline = self._deadline.sooner(self._tunables.embed_timeout_s)
            return space, await spaces.embed(
                self._parts.pool, space, queries, deadline=deadline, lane=self._caller.lane
            )
        except (*POOL_FAILURES, spaces.SpaceDiffers) as error:
            self._degrade("embed", error)
            return None, None

    async def _reranked(self, query: str, hits: tuple[Hit, ...]) -> tuple[Hit, ...]:
        if not hits:
            return hits
        try:
            return await ranking.reranked(
                self._parts.pool, self._tunables, query, hits, self._deadline, self._caller.lane
            )
        except POOL_FAILURES as error:
            self._degrade("rerank", error)
            return hits

    def _degrade(self, step: str, error: Exception) -> None:
        if step not in self._degraded:
            self._degraded.append(step)
        DEGRADED.labels(step, type(error).__name__).inc()


def merged(lists: Sequence[Sequence[Hit]]) -> tuple[Hit, ...]:
    """One list of several: each passage once, with the best score that any query gave it."""
    if len(lists) == 1:
        return tuple(lists[0])
    best: dict[str, Hit] = {}
    for hit in (hit for hits in lists for hit in hits):
        known = best.get(hit.chunk.id)
        if known is None or hit.score > known.score:
            best[hit.chunk.id] = hit
    return tuple(sorted(best.values(), key=lambda hit: -hit.score))
