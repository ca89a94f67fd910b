"""What callers may name and attach, and what cannot be stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_store.errors import InvalidError
from vector_store.fields import check_attributes, check_metadata, check_name, storable


def test_values_at_the_limits_are_taken() -> None:
    full = {f"{i:064}": "v" * 512 for i in range(16)}
    assert check_metadata(full) == full
    assert check_metadata(None) == {}
    mixed = {"s": "x", "i": 1, "f": 1.5, "b": True, "big": 2**1000}
    assert check_attributes(mixed) == mixed


@pytest.mark.parametrize("value", [None, [1], {}, float("nan"), float("inf"), 10**400, "x" * 513])
def test_an_attribute_that_cannot_be_compared_is_refused(value: object) -> None:
    with pytest.raises(InvalidError) as refused:
        check_attributes({"bad": value})
    assert refused.value.param == "attributes.bad"


def test_a_name_has_a_length() -> None:
    assert check_name("n" * 256) == "n" * 256
    with pytest.raises(InvalidError):
        check_name("n" * 257)


@given(st.text())
def test_what_is_storable_is_utf_8_without_nul_and_stays_so(text: str) -> None:
    kept = storable(text)
    assert "\x00" not in kept
    kept.encode("utf-8")
    assert storable(kept) == kept
