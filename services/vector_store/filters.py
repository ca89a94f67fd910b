"""OpenAI's attribute filters: checked with the place of every mistake, and turned into parameterised SQL.

Meaning: a condition compares values of one type only (number, string, boolean). `eq`, `in` and the orderings hold only
for files that have the attribute; `ne` and `nin` are their exact opposites, so they also hold for files without it.
Strings are ordered by code point, whatever the database's locale.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from psycopg.types.json import Jsonb

from vector_store.errors import InvalidError
from vector_store.fields import MAX_KEY_LENGTH, is_scalar, storable
from vector_store.models import AttributeValue

MAX_DEPTH = 8
MAX_CONDITIONS = 256
MAX_VALUES = 1000

Comparison = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]
_ORDERINGS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_COMPARISONS = ("eq", "ne", *_ORDERINGS, "in", "nin")
_COMBINATIONS = ("and", "or")


@dataclass(frozen=True, slots=True)
class Condition:
    type: Comparison
    key: str
    value: AttributeValue | tuple[AttributeValue, ...]


@dataclass(frozen=True, slots=True)
class Combination:
    type: Literal["and", "or"]
    filters: tuple["Filter", ...]


Filter = Condition | Combination


def parse_filter(value: Any, place: str = "filters") -> Filter:
    """A filter object as it came over the wire. Raises InvalidError with `param` such as `filters.filters[1].value`."""
    parsed = _parse(value, place, depth=1)
    conditions = list(_conditions(parsed))
    if len(conditions) > MAX_CONDITIONS:
        raise InvalidError(f"{place}: at most {MAX_CONDITIONS} conditions, not {len(conditions)}.", place)
    return parsed


def filter_sql(filter: Filter, column: str, prefix: str = "filter_") -> tuple[str, dict[str, Any]]:
    """A condition on the jsonb `column` that is true or false, never null, and its named parameters."""
    params: dict[str, Any] = {}

    def parameter(value: Any) -> str:
        name = f"{prefix}{len(params)}"
        params[name] = value
        return f"%({name})s"

    def write(part: Filter) -> str:
        if isinstance(part, Combination):
            return "(" + f" {part.type.upper()} ".join(write(inner) for inner in part.filters) + ")"
        found = f"{column} -> {parameter(part.key)}"
        match part.type:
            case "eq":
                return f"({found} IS NOT DISTINCT FROM {parameter(Jsonb(part.value))}::jsonb)"
            case "ne":
                return f"({found} IS DISTINCT FROM {parameter(Jsonb(part.value))}::jsonb)"
            case "in" | "nin":
                values = [Jsonb(value) for value in cast(tuple[AttributeValue, ...], part.value)]
                membership = f"coalesce({found} = ANY({parameter(values)}::jsonb[]), false)"
                return membership if part.type == "in" else f"NOT {membership}"
            case _:
                operator = _ORDERINGS[part.type]
                if isinstance(part.value, str):
                    text = f"{column} ->> {parameter(part.key)}"
                    ordered = f'({text}) COLLATE "C" {operator} {parameter(part.value)}'
                    return f"coalesce(jsonb_typeof({found}) = 'string' AND {ordered}, false)"
                ordered = f"{found} {operator} {parameter(Jsonb(part.value))}::jsonb"
                return f"coalesce(jsonb_typeof({found}) = 'number' AND {ordered}, false)"

    return write(filter), params


def _parse(value: Any, place: str, depth: int) -> Filter:
    if depth > MAX_DEPTH:
        raise InvalidError(f"{place}: nested deeper than {MAX_DEPTH} levels.", place)
    if not isinstance(value, Mapping):
        raise InvalidError(f"{place}: must be an object with a `type`, not {_named(value)}.", place)
    fields = cast(Mapping[str, Any], value)
    kind = fields.get("type")
    if kind in _COMBINATIONS:
        _only(fields, ("type", "filters"), place)
        inner = fields.get("filters")
        if not isinstance(inner, list | tuple) or not inner:
            raise InvalidError(f"{place}.filters: must be a list of at least one filter.", f"{place}.filters")
        parts = cast(list[Any], inner)
        if len(parts) > MAX_CONDITIONS:
            raise InvalidError(
                f"{place}.filters: at most {MAX_CONDITIONS} filters, not {len(parts)}.", f"{place}.filters"
            )
        return Combination(
            kind, tuple(_parse(part, f"{place}.filters[{i}]", depth + 1) for i, part in enumerate(parts))
        )
    if kind in _COMPARISONS:
        _only(fields, ("type", "key", "value"), place)
        key = fields.get("key")
        if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY_LENGTH:
            raise InvalidError(f"{place}.key: must be a string of 1 to {MAX_KEY_LENGTH} characters.", f"{place}.key")
        return Condition(cast(Comparison, kind), storable(key), _value(kind, fields.get("value"), f"{place}.value"))
    names = ", ".join((*_COMPARISONS, *_COMBINATIONS))
    raise InvalidError(f"{place}.type: must be one of {names}, not {_named(kind)}.", f"{place}.type")


def _value(kind: str, value: Any, place: str) -> AttributeValue | tuple[AttributeValue, ...]:
    if kind in ("in", "nin"):
        if not isinstance(value, list | tuple):
            raise InvalidError(f"{place}: `{kind}` needs a list of values, not {_named(value)}.", place)
        values = cast(list[Any], value)
        if len(values) > MAX_VALUES:
            raise InvalidError(f"{place}: at most {MAX_VALUES} values, not {len(values)}.", place)
        return tuple(_scalar(item, f"{place}[{i}]") for i, item in enumerate(values))
    scalar = _scalar(value, place)
    if kind in _ORDERINGS and isinstance(scalar, bool):
        raise InvalidError(f"{place}: `{kind}` orders numbers or strings, not booleans.", place)
    return scalar


def _scalar(value: Any, place: str) -> AttributeValue:
    if is_scalar(value):
        return storable(value) if isinstance(value, str) else value
    raise InvalidError(f"{place}: must be a string, a finite number or a boolean, not {_named(value)}.", place)


def _only(fields: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    for name in fields:
        if name not in known:
            raise InvalidError(f"{place}.{name}: unknown field; expected {', '.join(known)}.", f"{place}.{name}")


def _conditions(filter: Filter) -> list[Condition]:
    if isinstance(filter, Condition):
        return [filter]
    return [condition for inner in filter.filters for condition in _conditions(inner)]


def _named(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return repr(value[:80])
    return {dict: "an object", list: "a list", bool: "a boolean"}.get(cast(type, type(value)), "a number")
