"""Turns what the two legs say of each passage into one order and one score that means something.

Both legs' scores are brought to a scale that does not depend on what else was found: a keyword score is divided by the
highest that any passage could reach for the query, a vector score is the cosine. Their weighted sum (theoretical
normalisation: Bruch, Gai, Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", 2023) needs every passage's
score in both legs, not only in the one that proposed it. Reciprocal rank fusion (Cormack and others, 2009) is the other
way offered.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vector_store.models import Fusion, LegScore

# Where a passage is as likely to answer as not, on each leg's scale, and how fast that changes. Between the scores of
# relevant passages and of the best irrelevant ones in the collections of docs/benchmarks.md, with all-MiniLM-L6-v2.
KEYWORD_MIDPOINT = 0.28
VECTOR_MIDPOINT = 0.45
STEEPNESS = 12.0
# A passage that holds what was quoted, or an identifier, is this much nearer to the highest keyword score.
# Who quotes means it; more for identifiers costs quality on SciFact, whose claims are full of them.
QUOTED_SHARE = 0.5
IDENTIFIER_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage proposed by a leg. `keyword` is in [0, ceiling], `vector` a cosine or None without vectors."""

    chunk_no: int
    keyword: float
    vector: float | None
    ceiling: float
    """The highest keyword score that a passage in its language could have for the query."""
    phrase: bool = False
    """Whether it holds a phrase or an identifier of the query word for word."""


@dataclass(frozen=True, slots=True)
class Fused:
    chunk_no: int
    score: float
    keyword: LegScore | None
    vector: LegScore | None
    phrase: bool = False


@dataclass(frozen=True, slots=True)
class FusionRule:
    """`keyword_weight` is 0 or 1 where one leg alone was asked."""

    method: Fusion
    keyword_weight: float
    rrf_k: int
    candidates: int
    quoted: bool = False
    """Whether the query has phrases in quotation marks."""


def fuse(evidence: Sequence[Evidence], rule: FusionRule) -> list[Fused]:
    """Best first; scores are in [0, 1] and do not rise along the list."""
    if rule.keyword_weight == 1:
        # Where a filter leaves few passages all of them are scored, also those without a word of the query.
        evidence = [e for e in evidence if e.keyword > 0]
    keyword_ranks = _ranks({e.chunk_no: e.keyword for e in evidence if e.keyword > 0}, rule.candidates)
    vector_ranks = _ranks({e.chunk_no: e.vector for e in evidence if e.vector is not None}, rule.candidates)
    found = [
        Fused(
            e.chunk_no,
            calibrated(e, rule),
            LegScore(keyword_ranks.get(e.chunk_no), e.keyword) if rule.keyword_weight > 0 else None,
            LegScore(vector_ranks.get(e.chunk_no), e.vector) if e.vector is not None else None,
            e.phrase and rule.keyword_weight > 0,
        )
        for e in evidence
    ]
    if rule.method == "normalised":
        return sorted(found, key=lambda f: (-f.score, f.chunk_no))
    found.sort(key=lambda f: (-_reciprocal(f, rule), -f.score, f.chunk_no))
    return _never_rising(found)


def calibrated(evidence: Evidence, rule: FusionRule) -> float:
    """How likely the passage is to answer, in [0, 1], from its own two scores alone."""
    weight = rule.keyword_weight
    keyword = min(evidence.keyword / evidence.ceiling, 1.0) if evidence.ceiling > 0 else 0.0
    if evidence.phrase:
        keyword += (QUOTED_SHARE if rule.quoted else IDENTIFIER_SHARE) * (1 - keyword)
    vector = max(evidence.vector or 0.0, 0.0)
    fused = weight * keyword + (1 - weight) * vector
    midpoint = weight * KEYWORD_MIDPOINT + (1 - weight) * VECTOR_MIDPOINT
    return 1 / (1 + math.exp(-STEEPNESS * (fused - midpoint)))


def _ranks(scores: Mapping[int, float], candidates: int) -> dict[int, int]:
    best = sorted(scores, key=lambda chunk_no: (-scores[chunk_no], chunk_no))[:candidates]
    return {chunk_no: rank for rank, chunk_no in enumerate(best, start=1)}


def _reciprocal(fused: Fused, rule: FusionRule) -> float:
    ranks = [leg.rank for leg in (fused.keyword, fused.vector) if leg is not None and leg.rank is not None]
    return sum(1 / (rule.rrf_k + rank) for rank in ranks)


def _never_rising(found: Sequence[Fused]) -> list[Fused]:
    """Rank fusion may put a passage of a lower score first; those after it then show at most that score."""
    result: list[Fused] = []
    ceiling = 1.0
    for fused in found:
        ceiling = min(ceiling, fused.score)
        result.append(replace(fused, score=ceiling))
    return result
