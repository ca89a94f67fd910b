"""Rules for what callers may put into names, metadata and attributes (OpenAI's limits)."""

import math
from collections.abc import Mapping
from typing import Any

from vector_store.errors import InvalidError
from vector_store.models import AttributeValue

MAX_PAIRS = 16
MAX_KEY_LENGTH = 64
MAX_VALUE_LENGTH = 512
MAX_NAME_LENGTH = 256
MAX_INTEGER_BITS = 1023
MAX_PAGE = 100
MAX_FILES_PAGE = 10_000
"""OpenAI lists files, and only files, in pages of up to so many."""


def check_name(name: str, param: str = "name") -> str:
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidError(f"{param}: at most {MAX_NAME_LENGTH} characters, not {len(name)}.", param)
    return storable(name)


def check_metadata(metadata: Mapping[str, Any] | None, param: str = "metadata") -> dict[str, str]:
    """At most 16 pairs of strings."""
    checked = _check_pairs(metadata, param)
    for key, value in checked.items():
        if not isinstance(value, str):
            raise InvalidError(f"{param}.{key}: must be a string.", f"{param}.{key}")
    return checked


def check_attributes(attributes: Mapping[str, Any] | None, param: str = "attributes") -> dict[str, AttributeValue]:
    """At most 16 pairs of a string, finite number or boolean each."""
    checked = _check_pairs(attributes, param)
    for key, value in checked.items():
        if not is_scalar(value):
            raise InvalidError(f"{param}.{key}: must be a string, a finite number or a boolean.", f"{param}.{key}")
    return checked


def is_scalar(value: Any) -> bool:
    """Whether it can be an attribute: a string, a boolean, or a number that a double could hold."""
    if isinstance(value, int):
        return value.bit_length() <= MAX_INTEGER_BITS
    return isinstance(value, str) or (isinstance(value, float) and math.isfinite(value))


def check_limit(limit: int, most: int = MAX_PAGE) -> int:
    if not 1 <= limit <= most:
        raise InvalidError(f"limit: must be between 1 and {most}, not {limit}.", "limit")
    return limit


def storable(text: str) -> str:
    """`text` without what PostgreSQL cannot store: NUL characters and halves of surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _check_pairs(pairs: Mapping[str, Any] | None, param: str) -> dict[str, Any]:
    if pairs is None:
        return {}
    if len(pairs) > MAX_PAIRS:
        raise InvalidError(f"{param}: at most {MAX_PAIRS} pairs, not {len(pairs)}.", param)
    checked: dict[str, Any] = {}
    for key, value in pairs.items():
        if not key or len(key) > MAX_KEY_LENGTH:
            raise InvalidError(f"{param}: a key has 1 to {MAX_KEY_LENGTH} characters: {key[:80]!r}.", param)
        if isinstance(value, str) and len(value) > MAX_VALUE_LENGTH:
            raise InvalidError(f"{param}.{key}: at most {MAX_VALUE_LENGTH} characters.", f"{param}.{key}")
        checked[storable(key)] = storable(value) if isinstance(value, str) else value
    return checked
