"""Quotes are the passage's own words, and grounding says how much of an answer they bear out."""

import pytest

from orchestrator.pipeline.citations import cite, grounding, quote_for
from orchestrator.pipeline.marks import MarkFilter
from orchestrator.pipeline.passages import Passage

LIGHTHOUSE = (
    "The lighthouse was built\nin 1874. It is forty metres high, e.g. taller than the church. Visitors climb it daily."
)
MOLE = "Anglers may use the outer mole after sunset. Fishing inside the harbour is forbidden."


def answer(text: str) -> MarkFilter:
    passages = [
        Passage(number=1, chunk_id="c1", file_id="f1", filename="l.txt", text=LIGHTHOUSE, score=0.9),
        Passage(number=2, chunk_id="c2", file_id="f2", filename="m.txt", text=MOLE, score=0.8),
    ]
    marks = MarkFilter(passages)
    marks.feed(text)
    marks.close()
    return marks


def quotes(text: str) -> list[tuple[int, str]]:
    said = answer(text)
    return [(citation.index, citation.quote) for citation in cite(said.text, said.marks)]


def test_a_verbatim_sentence_is_quoted_as_it_stands_in_the_passage() -> None:
    assert quotes("The lighthouse was built in 1874 [1].") == [(1, "The lighthouse was built\nin 1874.")]


def test_a_mark_after_the_full_stop_quotes_the_same() -> None:
    assert quotes("The lighthouse was built in 1874. [1]") == [(1, "The lighthouse was built\nin 1874.")]


def test_several_verbatim_sentences_before_one_mark_are_one_quote() -> None:
    text = "Anglers may use the outer mole after sunset. Fishing inside the harbour is forbidden [2]."
    assert quotes(text) == [(1, MOLE)]


def test_a_paraphrase_quotes_the_sentence_that_says_it() -> None:
    assert quotes("Its height is forty metres [1].") == [(1, "It is forty metres high, e.g. taller than the church.")]


def test_side_by_side_marks_share_their_claim() -> None:
    found = quotes("Fishing is forbidden inside the harbour [1][2].")
    assert [index for index, _ in found] == [1, 2]
    assert found[1][1] == "Fishing inside the harbour is forbidden."


def test_a_passage_cited_twice_keeps_its_better_quote() -> None:
    text = "Something else entirely [1]. The lighthouse was built in 1874 [1]."
    assert quotes(text) == [(1, "The lighthouse was built\nin 1874.")]


@pytest.mark.parametrize("claim", ["", "***", "?"])
def test_a_claim_without_words_still_has_a_quote(claim: str) -> None:
    quote, support = quote_for(claim, MOLE)
    assert quote in MOLE
    assert support == 0.0


def test_every_quote_is_part_of_its_passage() -> None:
    said = answer("Anglers, mole, sunset [2]. Forty metres [1]! Visitors climb it [1]")
    for citation in cite(said.text, said.marks):
        assert citation.quote
        assert citation.quote in citation.passage.text


def test_grounding_is_the_share_of_supported_words() -> None:
    whole = answer("The lighthouse was built in 1874 [1].")
    assert grounding(whole.text, whole.marks) == 1.0
    half = answer("The lighthouse was built in 1874 [1]. The moon is made of cheese.")
    assert grounding(half.text, half.marks) == pytest.approx(6 / 12)
    none = answer("The moon is made of green cheese [2].")
    assert grounding(none.text, none.marks) == 0.0
    empty = answer("")
    assert grounding(empty.text, empty.marks) is None
