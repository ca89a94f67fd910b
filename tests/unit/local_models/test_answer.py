"""Answers quote the passages word by word, or say plainly that these do not answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_models import answer
from local_models.answer import MOST_SENTENCES, NEAR_BEST, THRESHOLD, Candidate, Quote, chosen, quotes
from local_models.prompt import Prompt, Source
from local_models.reader import Reader
from orchestrator.pipeline.prompt import NO_ANSWER

BOWLINE = (
    "The bowline makes a fixed loop at the end of a rope. It can be untied after it has carried\n"
    "a heavy load.\n\nThe harbour office opens at eight."
)
PRICES = (
    "Prices\n\n| Service | Price |\n|---|---|\n| Shower for guests | 2.50 euros |\n| Laundry, per wash | 4.00 euros |"
)
GLOSSARY = (
    "Bight\n\nA slack part of a rope between its ends, or a loop in it.\n\nWarp\n\nA heavy line for moving a boat."
)


async def asked(reader: Reader, question: str, *texts: str) -> list[Quote]:
    prompt = Prompt(question, tuple(Source(mark, text) for mark, text in enumerate(texts, 1)))
    return await quotes(reader, prompt, "interactive")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which knot makes a fixed loop?", "The bowline makes a fixed loop at the end of a rope. [1]"),
        ("When does the harbour office open?", "The harbour office opens at eight. [1]"),
        ("How much is a shower?", "Shower for guests | 2.50 euros [2]"),
        # The sentence itself does not say what it defines: its heading does.
        ("What is a bight?", "A slack part of a rope between its ends, or a loop in it. [3]"),
    ],
)
async def test_the_sentence_that_answers_is_quoted_first(reader: Reader, question: str, expected: str) -> None:
    assert str((await asked(reader, question, BOWLINE, PRICES, GLOSSARY))[0]) == expected


async def test_a_wrapped_sentence_is_quoted_in_one_line(reader: Reader) -> None:
    found = await asked(reader, "Can a bowline be untied after it has carried a heavy load?", BOWLINE)
    assert Quote("It can be untied after it has carried a heavy load.", 1) in found


async def test_the_marks_are_the_prompts_own(reader: Reader) -> None:
    prompt = Prompt("When does the harbour office open?", (Source(12, PRICES), Source(7, BOWLINE)))
    assert await quotes(reader, prompt, "interactive") == [Quote("The harbour office opens at eight.", 7)]


@pytest.mark.parametrize(
    "question",
    [
        "Who won the football world cup?",
        "What is the boiling point of tungsten in kelvin?",
        "Wie wird das Wetter?",
        "?!",
    ],
)
async def test_nothing_is_quoted_when_nothing_fits(reader: Reader, question: str) -> None:
    assert await asked(reader, question, BOWLINE, PRICES, GLOSSARY) == []


@pytest.mark.parametrize("texts", [(), ("",), ("   \n\n  ",), ("Heading only",), ("….", "---")])
async def test_passages_without_a_sentence_give_no_quote(reader: Reader, texts: tuple[str, ...]) -> None:
    assert await asked(reader, "Which knot makes a fixed loop?", *texts) == []


async def test_the_same_sentence_is_quoted_once(reader: Reader) -> None:
    found = await asked(reader, "When does the harbour office open?", BOWLINE, BOWLINE, BOWLINE)
    assert found == [Quote("The harbour office opens at eight.", 1)]


async def test_an_answer_beyond_the_models_length_is_found(reader: Reader) -> None:
    padding = "The rope is coiled and hung on its hook to dry in the shade. " * 60
    found = await asked(reader, "When does the harbour office open?", f"{padding}The harbour office opens at eight.")
    assert Quote("The harbour office opens at eight.", 1) in found


def test_the_plain_sentence_is_the_one_that_the_platform_knows() -> None:
    assert answer.NO_ANSWER == NO_ANSWER


def is_subsequence(some: list[Quote], of: list[Quote]) -> bool:
    rest = iter(of)
    return all(quote in rest for quote in some)


candidate = st.builds(
    Candidate,
    quote=st.builds(Quote, text=st.sampled_from(["a b c", "a b c d", "x y", "z", "q r s t"]), mark=st.integers(1, 5)),
    relevance=st.floats(0, 1),
)


@given(st.lists(candidate, max_size=20))
def test_few_quotes_all_near_the_best_in_the_order_of_the_passages(found: list[Candidate]) -> None:
    picked = chosen(found)
    best = max(found, key=lambda each: each.relevance, default=None)
    assert len(picked) <= MOST_SENTENCES
    assert bool(picked) == (best is not None and best.relevance >= THRESHOLD)
    if best is not None and picked:
        near = [each.quote for each in found if each.relevance >= NEAR_BEST * best.relevance]
        assert all(quote in near for quote in picked)
        assert is_subsequence(picked, [each.quote for each in found])
        assert len({quote.text for quote in picked}) == len(picked)
