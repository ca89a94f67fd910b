"""What comes after fusion: the opinion of a reranker, the age of documents, and a bound on passages of one document."""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from common.auth import Lane
from common.deadline import Deadline
from common.pool_client import PoolClient, PoolUnavailable
from orchestrator.tunables import OrchestratorTunables
from vector_store.models import Hit

DAY_S = 86_400.0
# Of so many times the hits that are wanted, enough are left when some are put aside.
SPARE = 4


@dataclass(frozen=True)
class Ranking:
    """How hits become the answer's passages."""

    top_k: int
    rerank: bool
    threshold: float
    """The lowest score that is passed on."""
    tunables: OrchestratorTunables

    @property
    def fetched(self) -> int:
        """How many hits to ask the store for, so that enough are left."""
        tunables = self.tunables
        most = self.top_k
        if self.rerank:
            most = max(most, tunables.rerank_candidates)
        if tunables.most_per_document or tunables.recency_half_life_days:
            most = max(most, min(tunables.candidates, self.top_k * SPARE))
        return most

    @property
    def fetched_from(self) -> float:
        """The threshold for the store: a reranker may think better of a passage than its words and its vector do."""
        return 0.0 if self.rerank else self.threshold

    def settled(self, hits: Sequence[Hit], now: float | None = None) -> tuple[Hit, ...]:
        """The best `top_k`, their scores lowered by age where that is wanted."""
        tunables = self.tunables
        ordered = tuple(hits)
        if tunables.recency_half_life_days:
            ordered = aged(ordered, tunables, time.time() if now is None else now)
        if tunables.most_per_document:
            ordered = spread(ordered, tunables.most_per_document)
        return tuple(hit for hit in ordered[: self.top_k] if hit.score >= self.threshold)


async def reranked(
    pool: PoolClient, tunables: OrchestratorTunables, query: str, hits: Sequence[Hit], deadline: Deadline, lane: Lane
) -> tuple[Hit, ...]:
    """The first `rerank_candidates` in the order of the blend of both scores, the rest behind them as they were.

    Raises PoolUnavailable or PoolRejected.
    """
    asked, rest = hits[: tunables.rerank_candidates], hits[tunables.rerank_candidates :]
    reply = await pool.post(
        "/rerank",
        {
            "model": tunables.rerank_model,
            "query": query,
            "documents": [hit.chunk.text for hit in asked],
            "top_n": len(asked),
        },
        deadline=deadline.sooner(tunables.rerank_timeout_s),
        lane=lane,
    )
    relevance = relevances(reply, len(asked))
    share = tunables.rerank_weight
    best = [
        hit if (seen := relevance.get(place)) is None else replace(hit, score=blended(hit.score, seen, share))
        for place, hit in enumerate(asked)
    ]
    best.sort(key=lambda hit: -hit.score)
    floor = best[-1].score if best else 1.0
    return (*best, *(replace(hit, score=min(hit.score, floor)) for hit in rest))


def relevances(reply: Mapping[str, Any], count: int) -> dict[int, float]:
    """What the reranker says of the documents, by their places. Raises PoolUnavailable for a reply of another shape."""
    try:
        results = cast("list[dict[str, Any]]", reply["results"])
        found = {int(result["index"]): float(result["relevance_score"]) for result in results}
    except (KeyError, TypeError, ValueError):
        raise PoolUnavailable("the reranker's answer has an unexpected shape") from None
    if any(place not in range(count) or not math.isfinite(score) for place, score in found.items()):
        raise PoolUnavailable("the reranker's answer names a document that it was not given, or no score")
    if any(not 0 <= score <= 1 for score in found.values()):
        # Rerankers that give no probabilities give their log-odds.
        found = {place: 1 / (1 + math.exp(-max(min(score, 50.0), -50.0))) for place, score in found.items()}
    return found


def blended(fused: float, relevance: float, share: float) -> float:
    """Two opinions on a scale of probabilities as one. Their mean measured better than that of their log-odds, in which
    a reranker that is very sure, and wrong, outweighs everything."""
    return (1 - share) * fused + share * relevance


def aged(hits: Sequence[Hit], tunables: OrchestratorTunables, now: float) -> tuple[Hit, ...]:
    """Scores lowered with the age of the document: by `recency_weight` at most, by half of that at the half-life.

    A document without a date that can be read keeps its score.
    """
    half_life_s = (tunables.recency_half_life_days or 0.0) * DAY_S
    found: list[Hit] = []
    for hit in hits:
        at = written_at(hit.attributes.get(tunables.recency_attribute))
        if at is not None and now > at:
            lost = tunables.recency_weight * (1 - 0.5 ** ((now - at) / half_life_s))
            hit = replace(hit, score=hit.score * (1 - lost))
        found.append(hit)
    return tuple(sorted(found, key=lambda hit: -hit.score))


def written_at(value: Any) -> float | None:
    """Unix seconds of an attribute: a number of seconds, or a date in ISO 8601 (UTC where it names no zone)."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def spread(hits: Sequence[Hit], most: int) -> tuple[Hit, ...]:
    """No more than `most` passages of one document."""
    taken = Counter[str]()
    kept: list[Hit] = []
    for hit in hits:
        taken[hit.chunk.file_id] += 1
        if taken[hit.chunk.file_id] <= most:
            kept.append(hit)
    return tuple(kept)
