"""Sentences are cut out of a text at their exact places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pipeline.sentences import split


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ('He said "No." Then left.', ['He said "No."', "Then left."]),
        ("A heading\n\nA sentence.", ["A heading", "A sentence."]),
        ("See e.g. Fig. 3 of Dr. Smith. Next.", ["See e.g. Fig. 3 of Dr. Smith.", "Next."]),
        ("Version 3.11 is out. Yes.", ["Version 3.11 is out.", "Yes."]),
        ("これは文です。次です。", ["これは文です。", "次です。"]),
        ("  \n ", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert [sentence.text for sentence in split(text)] == sentences


@given(st.text(alphabet='ab .!?\n"。e.g', max_size=80))
def test_every_sentence_is_the_source_at_its_place_and_no_word_is_lost(text: str) -> None:
    found = list(split(text))
    assert all(text[sentence.start : sentence.end] == sentence.text for sentence in found)
    assert "".join("".join(sentence.text.split()) for sentence in found) == "".join(text.split())
