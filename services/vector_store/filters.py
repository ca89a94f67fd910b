"""OpenAI's attribute filters: checked with the place of every mistake, and turned into parameterised SQL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vector_store.models import AttributeValue

MAX_DEPTH = 8
MAX_CONDITIONS = 256
MAX_VALUES = 1000

Comparison = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]


@dataclass(frozen=True, slots=True)
class Condition:
    type: Comparison
    key: str
    value: AttributeValue | tuple[str | float, ...]


@dataclass(frozen=True, slots=True)
class Combination:
    type: Literal["and", "or"]
    filters: tuple["Filter", ...]


Filter = Condition | Combination


def parse_filter(value: Any, place: str = "filters") -> Filter:
    """A filter object as it came over the wire. Raises InvalidError with `param` such as `filters.filters[1].value`."""
    raise NotImplementedError


def filter_sql(filter: Filter, column: str) -> tuple[str, list[Any]]:
    """A condition on the jsonb `column` and its parameters, in order, for `%s` placeholders."""
    raise NotImplementedError


def matches(filter: Filter, attributes: Mapping[str, AttributeValue]) -> bool:
    """The same meaning, evaluated on one file's attributes."""
    raise NotImplementedError
