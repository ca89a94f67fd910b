"""How well searches find: what can be measured of every one of them, without knowing the right answer."""

import time
from collections.abc import Sequence
from typing import Literal

from common import exemplars
from common.metrics import counter, histogram
from vector_store.models import Hit

TWENTIETHS = tuple(place / 20 for place in range(1, 21))
DAY_S = 86_400.0
AGES_S = tuple(days * DAY_S for days in (1 / 24, 0.25, 1, 3, 7, 14, 30, 60, 90, 180, 365, 730, 1825))

RETRIEVALS = counter(
    "retrievals_total",
    "Searches of the index, by whether any passage was found",
    ["via", "result"],
    at_zero=[(via, result) for via in ("chat", "search") for result in ("found", "empty")],
)
TOP_SCORE = histogram(
    "retrieval_top_score_ratio", "Calibrated score (0 to 1) of the best passage found", ["via"], TWENTIETHS
)
MARGIN = histogram(
    "retrieval_margin_ratio",
    "Score of the best passage less that of the second: little where the index cannot tell them apart",
    ["via"],
    (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0),
)
AGE = histogram("retrieval_passage_age_seconds", "Time since the index took in what was found", ["via"], AGES_S)


def measure(via: Literal["chat", "search"], hits: Sequence[Hit]) -> None:
    """Take in what one search found, the best first."""
    RETRIEVALS.labels(via, "found" if hits else "empty").inc()
    if not hits:
        return
    exemplar = exemplars.current()
    TOP_SCORE.labels(via).observe(hits[0].score, exemplar)
    if len(hits) > 1:
        MARGIN.labels(via).observe(max(0.0, hits[0].score - hits[1].score), exemplar)
    now = time.time()
    ages = AGE.labels(via)
    for hit in hits:
        if hit.indexed_at is not None:
            ages.observe(max(0.0, now - hit.indexed_at))
