"""Fusion: a score is in [0, 1], depends on the passage alone, and falls along the list."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_store.fusion import Evidence, FusionRule, calibrated, fuse

RULE = FusionRule(method="normalised", keyword_weight=0.5, rrf_k=60, candidates=50)
CEILING = 20.0
VECTORS = st.one_of(st.none(), st.floats(-1, 1))
EVIDENCE = st.lists(
    st.builds(Evidence, st.integers(1, 10**6), st.floats(0, 20), VECTORS, st.sampled_from([0.0, 5.0, 20.0])),
    max_size=60,
    unique_by=lambda e: e.chunk_no,
)
RULES = st.builds(
    FusionRule,
    method=st.sampled_from(["normalised", "rrf"]),
    keyword_weight=st.floats(0, 1),
    rrf_k=st.integers(1, 100),
    candidates=st.integers(1, 60),
)


def passage(chunk_no: int, keyword: float, vector: float | None) -> Evidence:
    return Evidence(chunk_no, keyword, vector, CEILING)


@given(EVIDENCE, RULES)
def test_scores_are_in_bounds_and_never_rise(evidence: list[Evidence], rule: FusionRule) -> None:
    scores = [found.score for found in fuse(evidence, rule)]
    assert len(scores) == sum(rule.keyword_weight < 1 or each.keyword > 0 for each in evidence)
    assert all(0 <= score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)


@given(EVIDENCE, st.floats(0, 1))
def test_normalised_scores_do_not_depend_on_the_others(evidence: list[Evidence], weight: float) -> None:
    rule = replace(RULE, keyword_weight=weight)
    for found in fuse(evidence, rule):
        (alone,) = fuse([e for e in evidence if e.chunk_no == found.chunk_no], rule)
        assert alone.score == found.score


@given(st.floats(0, 20), st.floats(-1, 1), st.floats(0, 20), st.floats(-1, 1), st.floats(0, 1))
def test_more_on_both_legs_never_scores_less(k1: float, v1: float, k2: float, v2: float, weight: float) -> None:
    rule = replace(RULE, keyword_weight=weight)
    low = passage(1, min(k1, k2), min(v1, v2))
    high = passage(2, max(k1, k2), max(v1, v2))
    assert calibrated(low, rule) <= calibrated(high, rule)


def test_the_weight_decides_between_the_legs() -> None:
    by_words, by_vector = passage(1, 10.0, 0.1), passage(2, 1.0, 0.7)
    assert fuse([by_words, by_vector], replace(RULE, keyword_weight=0.9))[0].chunk_no == 1
    assert fuse([by_words, by_vector], replace(RULE, keyword_weight=0.1))[0].chunk_no == 2


def test_rank_fusion_adds_reciprocal_ranks() -> None:
    # First by words and third by vector; second and first; third and second.
    evidence = [passage(1, 9.0, 0.1), passage(2, 8.0, 0.9), passage(3, 7.0, 0.5)]
    found = fuse(evidence, replace(RULE, method="rrf"))
    assert [f.chunk_no for f in found] == [2, 1, 3]
    assert [(f.keyword.rank, f.vector.rank) for f in found if f.keyword and f.vector] == [(2, 1), (1, 3), (3, 2)]


def test_a_rank_beyond_the_candidates_does_not_count() -> None:
    evidence = [passage(1, 9.0, 0.9), passage(2, 8.0, 0.8), passage(3, 7.0, 0.7)]
    found = fuse(evidence, replace(RULE, method="rrf", candidates=2))
    assert found[2].keyword is not None and found[2].keyword.rank is None


def test_a_clear_match_is_above_and_a_stray_below_one_half() -> None:
    assert calibrated(passage(1, 10.0, 0.7), RULE) > 0.8
    assert calibrated(passage(1, 1.0, 0.15), RULE) < 0.1


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_one_leg_alone_is_judged_on_its_own_scale(weight: float) -> None:
    rule = replace(RULE, keyword_weight=weight)
    good = passage(1, 14.0, None) if weight else passage(1, 0.0, 0.75)
    poor = passage(1, 1.0, None) if weight else passage(1, 0.0, 0.1)
    assert calibrated(good, rule) > 0.8
    assert calibrated(poor, rule) < 0.1


def test_words_alone_find_only_what_has_one_of_them() -> None:
    rule = replace(RULE, keyword_weight=1.0)
    assert [found.chunk_no for found in fuse([passage(1, 0.0, None), passage(2, 1.0, None)], rule)] == [2]
