"""A bad filter is refused with the place of its fault."""

from typing import Any

import pytest

from vector_store.errors import InvalidError
from vector_store.filters import MAX_CONDITIONS, MAX_DEPTH, MAX_VALUES, Combination, Condition, parse_filter

GOOD = {"type": "eq", "key": "kind", "value": "port"}


def both(*filters: object) -> dict[str, object]:
    return {"type": "and", "filters": list(filters)}


def nested(depth: int) -> dict[str, object]:
    return GOOD if depth == 1 else both(nested(depth - 1))


def test_a_good_filter_is_read() -> None:
    parsed = parse_filter(both(GOOD, {"type": "in", "key": "n", "value": [1, "a", True]}))
    assert parsed == Combination("and", (Condition("eq", "kind", "port"), Condition("in", "n", (1, "a", True))))


@pytest.mark.parametrize(
    ("bad", "param"),
    [
        (None, "filters"),
        ([], "filters"),
        ("eq", "filters"),
        ({}, "filters.type"),
        ({"type": "like", "key": "a", "value": "b"}, "filters.type"),
        ({"type": "eq", "value": "b"}, "filters.key"),
        ({"type": "eq", "key": "", "value": "b"}, "filters.key"),
        ({"type": "eq", "key": "k" * 65, "value": "b"}, "filters.key"),
        ({"type": "eq", "key": 1, "value": "b"}, "filters.key"),
        ({"type": "eq", "key": "a"}, "filters.value"),
        ({"type": "eq", "key": "a", "value": None}, "filters.value"),
        ({"type": "eq", "key": "a", "value": {}}, "filters.value"),
        ({"type": "eq", "key": "a", "value": ["b"]}, "filters.value"),
        ({"type": "eq", "key": "a", "value": float("nan")}, "filters.value"),
        ({"type": "eq", "key": "a", "value": 10**400}, "filters.value"),
        ({"type": "gt", "key": "a", "value": True}, "filters.value"),
        ({"type": "in", "key": "a", "value": "b"}, "filters.value"),
        ({"type": "in", "key": "a", "value": ["b", None]}, "filters.value[1]"),
        ({"type": "in", "key": "a", "value": [0] * (MAX_VALUES + 1)}, "filters.value"),
        ({**GOOD, "values": 1}, "filters.values"),
        ({"type": "and", "filters": []}, "filters.filters"),
        ({"type": "or"}, "filters.filters"),
        (both(GOOD, both(GOOD, {"type": "eq"})), "filters.filters[1].filters[1].key"),
        (both(*[GOOD] * 10_000), "filters.filters"),
        (both(*[both(*[GOOD] * 200)] * 2), "filters"),
        (nested(MAX_DEPTH + 1), "filters" + ".filters[0]" * MAX_DEPTH),
    ],
)
def test_a_bad_filter_is_refused_with_its_place(bad: Any, param: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse_filter(bad)
    assert refused.value.param == param
    assert str(refused.value).startswith(param)
    assert len(str(refused.value)) < 300


def test_filters_at_the_limits_are_taken() -> None:
    parse_filter(nested(MAX_DEPTH))
    parse_filter(both(*[GOOD] * MAX_CONDITIONS))
    parse_filter({"type": "nin", "key": "k" * 64, "value": list(range(MAX_VALUES))})
