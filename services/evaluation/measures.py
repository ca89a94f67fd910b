"""Measures of ranked lists, by the ir-measures library."""

from collections.abc import Mapping
from dataclasses import dataclass

import ir_measures
from ir_measures import RR, R, nDCG

CUT = 10
RankedLists = Mapping[str, Mapping[str, float]]
"""Query → document → score."""


@dataclass(frozen=True)
class Quality:
    """Means over all judged queries, each between 0 and 1."""

    ndcg: float
    recall: float
    mrr: float


def quality(judgements: Mapping[str, Mapping[str, int]], run: RankedLists) -> Quality:
    """nDCG@10, recall@10 and MRR@10; a query that found nothing counts with 0."""
    found = ir_measures.calc_aggregate([nDCG @ CUT, R @ CUT, RR @ CUT], judgements, run)
    return Quality(float(found[nDCG @ CUT]), float(found[R @ CUT]), float(found[RR @ CUT]))
