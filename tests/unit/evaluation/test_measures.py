"""Measures agree with cases done by hand, and a difference is only called one when chance does not make it."""

import random

import pytest

from evaluation.measures import by_query, difference, means


def test_measures_agree_with_a_case_done_by_hand() -> None:
    judged = {"q1": {"a": 1}, "q2": {"b": 1}, "q3": {"c": 1}}
    run = {"q1": {"a": 2.0, "x": 1.0}, "q2": {"x": 2.0, "b": 1.0}}
    values = by_query(judged, run)
    assert values["recall@10"] == {"q1": 1.0, "q2": 1.0, "q3": 0.0}
    assert values["MRR@10"] == {"q1": 1.0, "q2": 0.5, "q3": 0.0}
    assert values["MAP"] == {"q1": 1.0, "q2": 0.5, "q3": 0.0}
    assert values["nDCG@10"]["q2"] == pytest.approx(0.6309297), "1/log2(3) for the second place"
    assert means(values)["nDCG@10"] == pytest.approx((1 + 0.6309297) / 3)


def test_a_gain_in_nearly_every_query_is_beyond_chance() -> None:
    first = {str(n): 0.5 for n in range(30)}
    second = {str(n): 0.5 if n == 0 else 0.6 for n in range(30)}
    found = difference(first, second)
    assert (found.queries, found.better, found.worse) == (30, 29, 0)
    assert found.p < 0.001


def test_gains_and_losses_alike_may_be_chance() -> None:
    noise = random.Random(1)
    first = {str(n): 0.5 for n in range(30)}
    second = {str(n): 0.5 + noise.uniform(-0.2, 0.2) for n in range(30)}
    assert difference(first, second).p > 0.2
    assert difference(first, first).p == 1.0


def test_only_queries_that_both_asked_count() -> None:
    found = difference({"a": 0.0, "b": 1.0}, {"b": 0.0, "c": 1.0})
    assert (found.queries, found.first, found.second) == (1, 1.0, 0.0)
    with pytest.raises(ValueError, match="no query in common"):
        difference({"a": 0.0}, {"b": 0.0})
