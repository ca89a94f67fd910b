"""Gives a store an index of another embedding model: built beside the serving one, compared with it, then switched to.

Every step is a transaction of its own and is found done when the command is run again, so it may be killed at any time.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.deadline import Deadline
from common.pool_client import PoolClient
from common.questions import Question
from ingestion.embed import BatchSize, embed_windows
from ingestion.ingest import fingerprint_of, in_space, options_of
from ingestion.tokens import Tokens, tokenizer_file
from ingestion.tunables import EmbeddingTunables, IngestionTunables
from ingestion.windows import introduction, windows_again
from vector_store.catalog import Catalog
from vector_store.engine import ChunkStore
from vector_store.errors import ConflictError, IncompleteError, NotFoundError
from vector_store.models import EmbeddingSpace, Scope, SearchRequest, SearchResult
from vector_store.shadow import Shadow, ShadowIndexes

# Files looked up at a time; each is read, embedded and written on its own.
FILES_AT_A_TIME = 100
QUESTION_S = 30.0
RANKS = 10
# Passages asked for, so that ten different documents are among them.
PASSAGES = 100
# Writers may bring new files while the last ones are built; a store that never rests is switched in a calmer hour.
ROUNDS = 20


class NotConfigured(ValueError):
    """The model is not one that ingestion knows; the message says where to name it."""


@dataclass(frozen=True)
class Quality:
    """How well an index answers a labelled set, documents counted once, by their best passage."""

    ndcg: float
    recall: float


@dataclass(frozen=True)
class Reindexer:
    """What a reindex works with."""

    catalog: Catalog
    chunks: ChunkStore
    shadows: ShadowIndexes
    pool: PoolClient
    tunables: IngestionTunables
    batch_size: BatchSize

    async def begin(self, scope: Scope, store_id: str, model: str, version: str | None) -> EmbeddingTunables:
        """Start the shadow, or go on with it; the model's configuration."""
        target = self.tunables.embedding.named(model, version)
        if target is None:
            raise NotConfigured(
                f"The model '{model}' is not configured: name it under `embedding.others` in ingestion's "
                "configuration, so that the worker can go on when the store is switched to it."
            )
        (probe,) = await self.pool.embed(model, ["dimension"], deadline=Deadline.after(QUESTION_S), lane="batch")
        await self.shadows.begin(scope, store_id, EmbeddingSpace(target.model, target.version, len(probe)))
        return target

    async def build(
        self, scope: Scope, store_id: str, target: EmbeddingTunables, progress: Callable[[Shadow], None]
    ) -> bool:
        """Embed what the shadow lacks; whether it then lacks nothing (a file may be replaced again and again)."""
        tokens = Tokens(tokenizer_file(target.tokenizer))
        for _ in range(ROUNDS):
            while files := await self.shadows.pending(scope, store_id, FILES_AT_A_TIME):
                written = [await self._file(scope, store_id, file, target, tokens) for file in files]
                state = await self.shadows.state(scope, store_id)
                if state is None:
                    raise ConflictError(f"The shadow of store '{store_id}' was dropped meanwhile.")
                progress(state)
                if not any(written):
                    break
            else:
                return True
        return False

    async def _file(self, scope: Scope, store_id: str, file_id: str, target: EmbeddingTunables, tokens: Tokens) -> bool:
        """Whether the file's vectors were written; not when it was replaced or removed in the meantime."""
        try:
            file = await self.catalog.get_file(scope, file_id)
            attached = await self.catalog.get_store_file(scope, store_id, file_id)
            chunks = await self.chunks.read(scope, store_id, file_id)
            serving = in_space(self.tunables, await self.catalog.space_of(scope, store_id))
        except NotFoundError:
            return False
        building = self.tunables.model_copy(update={"embedding": target})
        options = options_of(attached, building)
        windows = [
            (
                *windows_again(c.title, c.headings, c.text, tokens, options.window, context=options.context),
                *introduction(c.title, c.metadata.get("document", {}), tokens, options.window),
            )
            for c in chunks
        ]
        vectors = await embed_windows(self.pool, windows, target, self.batch_size)
        # Only what was up to date stays so; a file made by other rules than today's is to be made anew when attached.
        current = attached.fingerprint == fingerprint_of(file, options_of(attached, serving), serving)
        fingerprint = fingerprint_of(file, options, building) if current else f"reindexed:{attached.fingerprint}"
        return await self.shadows.write(scope, store_id, file_id, chunks, vectors, fingerprint)

    async def switch(
        self, scope: Scope, store_id: str, target: EmbeddingTunables, progress: Callable[[Shadow], None]
    ) -> bool:
        """Let the shadow serve, and build what came in at the last moment; whether it could be done."""
        for _ in range(ROUNDS):
            try:
                await self.shadows.switch(scope, store_id)
            except IncompleteError:
                await self.build(scope, store_id, target, progress)
            else:
                return True
        return False

    async def evaluate(self, scope: Scope, store_id: str, judged: Sequence[Question]) -> tuple[Quality, Quality]:
        """The serving index and the shadow on the same questions."""
        state = await self.shadows.state(scope, store_id)
        if state is None:
            raise ConflictError(f"Store '{store_id}' has no shadow index to evaluate.")
        serving = await self._quality(scope, store_id, judged, state.serving, self.chunks.search)
        building = await self._quality(scope, store_id, judged, state.building, self.shadows.search)
        return serving, building

    async def _quality(
        self, scope: Scope, store_id: str, judged: Sequence[Question], space: EmbeddingSpace, search: Any
    ) -> Quality:
        scores: list[tuple[float, float]] = []
        for line in judged:
            deadline = Deadline.after(QUESTION_S)
            (vector,) = await self.pool.embed(space.model, [line.query], deadline=deadline, lane="batch")
            request = SearchRequest((store_id,), line.query, vector, space, top_k=PASSAGES, candidates=PASSAGES)
            result: SearchResult = await search(scope, request)
            # A document may be named by its id or by its name.
            ranked = list(dict.fromkeys((hit.chunk.file_id, hit.filename) for hit in result.hits))[:RANKS]
            grades = [max(line.relevant.get(name, 0) for name in names) for names in ranked]
            scores.append(measured(grades, line.relevant))
        return Quality(*(math.fsum(column) / len(scores) for column in zip(*scores, strict=True)))


def measured(found: Sequence[int], grades: Mapping[str, int]) -> tuple[float, float]:
    """nDCG@10 (gain = grade, as trec_eval has it) and recall@10 of one question, from the grades in order of rank."""
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)
    best = _gain(ideal[:RANKS])
    recall = sum(grade > 0 for grade in found) / len(ideal) if ideal else 0.0
    return (_gain(found[:RANKS]) / best if best else 0.0), recall


def _gain(grades: Sequence[int]) -> float:
    return math.fsum(grade / math.log2(place + 2) for place, grade in enumerate(grades))
