"""Measures of ranked lists, by the ir-measures library, and whether two differ by more than chance."""

from collections.abc import Mapping
from dataclasses import dataclass

import ir_measures
import numpy as np
from ir_measures import AP, RR, R, nDCG

CUT = 10
MEASURES = {"nDCG@10": nDCG @ CUT, "recall@10": R @ CUT, "MRR@10": RR @ CUT, "MAP": AP}
RankedLists = Mapping[str, Mapping[str, float]]
"""Query → document → score."""
ByQuery = Mapping[str, Mapping[str, float]]
"""Measure → query → value between 0 and 1."""
SHUFFLES = 10_000
SEED = 7


def by_query(judgements: Mapping[str, Mapping[str, int]], run: RankedLists) -> dict[str, dict[str, float]]:
    """Each measure for each judged query; one that found nothing counts with 0."""
    values = {name: dict.fromkeys(judgements, 0.0) for name in MEASURES}
    names = {str(measure): name for name, measure in MEASURES.items()}
    for found in ir_measures.iter_calc(list(MEASURES.values()), judgements, run):
        values[names[str(found.measure)]][found.query_id] = float(found.value)
    return values


def means(values: ByQuery) -> dict[str, float]:
    """Each measure's mean over the queries."""
    return {name: float(np.mean(list(each.values()))) if each else 0.0 for name, each in values.items()}


@dataclass(frozen=True)
class Difference:
    """How the second of two runs differs from the first in one measure, over the queries that both asked."""

    queries: int
    first: float
    second: float
    better: int
    worse: int
    p: float
    """How often chance alone makes a difference as large (paired randomisation test, two-sided)."""


def difference(first: Mapping[str, float], second: Mapping[str, float]) -> Difference:
    """Compare two runs query by query. Raises ValueError when they share none.

    The randomisation test (Smucker, Allan, Carterette, CIKM 2007) assumes nothing of how measures are distributed.
    """
    shared = sorted(set(first) & set(second))
    if not shared:
        raise ValueError("the two runs have no query in common")
    one, two = (np.array([run[query] for query in shared]) for run in (first, second))
    gains = two - one
    observed = abs(gains.mean())
    random = np.random.default_rng(SEED)
    as_large = 1
    for _ in range(SHUFFLES // 1000):
        signs = random.choice((-1.0, 1.0), size=(1000, len(shared)))
        as_large += int((np.abs((signs * gains).mean(axis=1)) >= observed - 1e-12).sum())
    p = as_large / (SHUFFLES + 1)
    return Difference(
        len(shared), float(one.mean()), float(two.mean()), int((gains > 0).sum()), int((gains < 0).sum()), p
    )
