"""Filters mean in SQL what they mean on paper: any filter on any attributes, against a plain evaluation in Python."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from conftest import Database
from vector_store.filters import filter_sql, parse_filter

KEYS = st.sampled_from(["a", "b", "c", "q\"uo'te", "%s", "ключ"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 0.1, 1, 1.0, 1e23, 10**23]),
)
VALUES = st.one_of(TEXTS, NUMBERS, st.booleans(), st.sampled_from(["a", "B", "ä", "1", "true", 1, True]))
ATTRIBUTES = st.dictionaries(KEYS, VALUES, max_size=4)
CONDITIONS = st.one_of(
    st.fixed_dictionaries({"type": st.sampled_from(["eq", "ne"]), "key": KEYS, "value": VALUES}),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["gt", "gte", "lt", "lte"]), "key": KEYS, "value": st.one_of(TEXTS, NUMBERS)}
    ),
    st.fixed_dictionaries({"type": st.sampled_from(["in", "nin"]), "key": KEYS, "value": st.lists(VALUES, max_size=4)}),
)
FILTERS = st.recursive(
    CONDITIONS,
    lambda inner: st.fixed_dictionaries(
        {"type": st.sampled_from(["and", "or"]), "filters": st.lists(inner, min_size=1, max_size=3)}
    ),
    max_leaves=6,
)


def holds(filter: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
    """The meaning of a filter, said without SQL."""
    kind = filter["type"]
    if kind in ("and", "or"):
        return (all if kind == "and" else any)(holds(inner, attributes) for inner in filter["filters"])
    found, value = attributes.get(filter["key"]), filter["value"]
    match kind:
        case "eq" | "ne":
            return same(found, value) == (kind == "eq")
        case "in" | "nin":
            return any(same(found, one) for one in value) == (kind == "in")
        case _:
            if found is None or sort_of(found) != sort_of(value):
                return False
            a, b = exact(found), exact(value)
            return {"gt": a > b, "gte": a >= b, "lt": a < b, "lte": a <= b}[kind]


def same(found: Any, value: Any) -> bool:
    return found is not None and sort_of(found) == sort_of(value) and exact(found) == exact(value)


def sort_of(value: Any) -> str:
    return "boolean" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"


def exact(value: Any) -> Any:
    """Numbers as JSON writes them: a float is the shortest decimal that stands for it."""
    return Decimal(repr(value)) if isinstance(value, float) else value


@pytest.fixture(scope="module")
def connection(module_database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(module_database.app_url, autocommit=True) as conn:
        yield conn


@settings(max_examples=500, deadline=None)
@given(filter=FILTERS, attributes=ATTRIBUTES)
def test_sql_and_python_agree(connection: psycopg.Connection[Any], filter: Any, attributes: Any) -> None:
    condition, params = filter_sql(parse_filter(filter), "t.attributes")
    row = connection.execute(
        f"SELECT {condition} FROM (SELECT %(attributes)s::jsonb AS attributes) AS t".encode(),
        {**params, "attributes": Jsonb(attributes)},
    ).fetchone()
    assert row == (holds(filter, attributes),)
