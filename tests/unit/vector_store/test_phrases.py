"""Quoted phrases and identifiers are told from plain words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vector_store.phrases import MOST_PHRASES, phrases_of


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("how high is the tower", ()),
        ("a self-hosted tool and/or service", ()),
        ("what does ERR_4012 mean?", ("ERR_4012",)),
        ("CVE-2024-3094 and 10.1.2.3, please", ("CVE-2024-3094", "10.1.2.3")),
        ("write to harbour@port.org.", ("harbour@port.org",)),
        ('who said "the tide waits" about us', ("the tide waits",)),
        ("„Ebbe und Flut“ oder «marée basse»", ("Ebbe und Flut", "marée basse")),
        ('"part no. 88-B" or 88-B', ("part no. 88-B", "88-B")),
        ('an unfinished "quote', ()),
        ('""  " "', ()),
        ("a-1 b-2 c-3 d-4 e-5", ("a-1", "b-2", "c-3", "d-4")),
    ],
)
def test_phrases(query: str, expected: tuple[str, ...]) -> None:
    assert phrases_of(query) == expected


@given(st.text(max_size=300))
def test_any_text_gives_few_phrases_of_its_own(query: str) -> None:
    found = phrases_of(query)
    assert len(found) <= MOST_PHRASES
    assert all(phrase in query for phrase in found)
