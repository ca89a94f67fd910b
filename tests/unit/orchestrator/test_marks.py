"""Citation marks in streamed text: however the model's stream is cut, the reader gets the same final text."""

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.pipeline.marks import MarkFilter
from orchestrator.pipeline.passages import Passage


def passage(number: int, text: str = "Some text.") -> Passage:
    return Passage(number=number, chunk_id=f"c{number}", file_id="file-1", filename="a.txt", text=text, score=0.5)


PASSAGES = [passage(1), passage(2, "Then squares[1] is 4."), passage(3)]


def filtered(pieces: list[str]) -> MarkFilter:
    marks = MarkFilter(PASSAGES)
    said = "".join([*(marks.feed(piece) for piece in pieces), marks.close()])
    assert said == marks.text, "what was passed on is the final text"
    return marks


@pytest.mark.parametrize(
    ("model", "reader"),
    [
        ("It is so [1].", "It is so [1]."),
        ("Third first [3]. Then the first [1].", "Third first [1]. Then the first [2]."),
        ("Both [1, 3] hold.", "Both [1][2] hold."),
        ("Both[1][3] hold.", "Both[1][2] hold."),
        ("Twice [1], twice [1, 1].", "Twice [1], twice [1]."),
        ("Invented [7].", "Invented."),
        ("One is invented [2, 9].", "One is invented [1]."),
        ("Other brackets 【1】 and [^2].", "Other brackets [1] and [2]."),
        ("In `code[1]` it stays.", "In `code[1]` it stays."),
        ("```\nx = [1]\n```\nDone [2].", "```\nx = [1]\n```\nDone [1]."),
        ("Then squares[1] is 4 [2].", "Then squares[1] is 4 [1]."),
        ("A list [a] and [1.5] and [] stay.", "A list [a] and [1.5] and [] stay."),
        ("An open [ bracket", "An open [ bracket"),
        ("An open [1", "An open [1"),
        ("Year [1874] is no mark", "Year [1874] is no mark"),
        ("Ends with space [1]  \n", "Ends with space [1]"),
        ("", ""),
    ],
)
def test_marks_stand_for_passages_or_go(model: str, reader: str) -> None:
    assert filtered([model]).text == reader


@given(
    text=st.lists(
        st.sampled_from(
            ["word", " ", "[1]", "[2, 3]", "[9]", "[", "]", "1", "`", "```", "\n", "【3】", ".", "squares[1]", "^"]
        ),
        max_size=30,
    ).map("".join),
    cuts=st.lists(st.integers(0, 200), max_size=12),
)
@example(text="a [1] b", cuts=[2, 3, 4, 5])
def test_the_cuts_of_the_stream_change_nothing(text: str, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in itertools.pairwise(places)]
    assert filtered(pieces).text == filtered([text]).text


def test_marks_say_where_they_are_in_the_text() -> None:
    marks = filtered(["First [", "3", "]", ". Second [1][9]."])
    assert [(marks.text[mark.start : mark.end], mark.passage.number) for mark in marks.marks] == [
        ("[1]", 3),
        ("[2]", 1),
    ]
    assert marks.removed == 1


def test_only_what_may_become_a_mark_is_held_back() -> None:
    marks = MarkFilter(PASSAGES)
    assert marks.feed("A word and [") == "A word and"
    assert marks.feed("1") == ""
    assert marks.feed("] more") == " [1] more"


def test_a_bracket_that_never_closes_does_not_hold_the_stream_back() -> None:
    marks = MarkFilter(PASSAGES)
    assert marks.feed("x [1" + ", 1" * 100) != ""
