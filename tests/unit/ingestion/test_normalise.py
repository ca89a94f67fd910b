"""Normalisation: one form of every character, nothing that the eye does not see, and no change of meaning."""

import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.normalise import clean


def cleaned(text: str) -> tuple[str, dict[str, int]]:
    removed: Counter[str] = Counter()
    return clean(text, removed), dict(removed)


@pytest.mark.parametrize(
    ("text", "expected", "removed"),
    [
        ("eﬃcient ﬁle", "efficient file", {}),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width", {}),
        ("cafe\u0301", "café", {}),
        ("zero\u200bwidth\u200d", "zerowidth", {"zero_width": 2}),
        ("soft\u00adhyphen", "softhyphen", {"zero_width": 1}),
        ("evil\u202etxt.exe\u202c", "eviltxt.exe", {"bidi_control": 2}),
        ("tag\U000e0041\U000e0042", "tag", {"tag": 2}),
        ("nul\x00 and bell\x07", "nul and bell", {"control": 2}),
        ("ascii\x00only", "asciionly", {"control": 1}),
        ("lone \ud800 surrogate", "lone  surrogate", {"control": 1}),
        ("10⁶ tonnes on 3 m²", "10^6 tonnes on 3 m2", {}),
        ("10⁻³", "10^\u22123", {}),
        ("1½ turns", "1 1\u20442 turns", {}),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd", {}),
        ("tab\tstays\n", "tab\tstays\n", {}),
    ],
)
def test_texts(text: str, expected: str, removed: dict[str, int]) -> None:
    assert cleaned(text) == (expected, removed)


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=200))
def test_the_result_is_normal_and_stays_as_it_is(text: str) -> None:
    once, _ = cleaned(text)
    assert unicodedata.is_normalized("NFKC", once)
    assert "\x00" not in once and "\r" not in once
    once.encode("utf-8")


@given(st.text(max_size=200))
def test_what_is_removed_is_counted(text: str) -> None:
    once, _ = cleaned(text)
    assert cleaned(once)[1] == {}
