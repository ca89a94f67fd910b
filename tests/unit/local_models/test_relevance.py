"""Relevance compares meanings, and a score means the same whatever it is computed beside."""

import numpy as np
import pytest

from local_models.models import Models
from local_models.passages import MOST_TOKENS, Passage, PassageCache, tokenize
from local_models.reader import Reader
from local_models.relevance import relevance, score

QUESTION = "How do I make a line fast to a ring on the quay?"
RIGHT = "A round turn and two half hitches make a line fast to a ring on the quay."
NEAR = "The quay has rings every ten metres."
WRONG = "The committee approved the budget for the coming fiscal year."
TOLERANCE = 1e-3


async def scores(reader: Reader, question: str, *texts: str) -> list[float]:
    reading = await reader.read(question, texts, "interactive")
    return [score(relevance(reading.question, passage)) for passage in reading.passages]


async def test_the_better_a_text_answers_the_higher_its_score(reader: Reader) -> None:
    right, near, wrong = await scores(reader, QUESTION, RIGHT, NEAR, WRONG)
    assert right > near > wrong
    assert right > 0.5 > 0.1 > wrong


async def test_a_score_does_not_depend_on_the_other_texts(models: Models) -> None:
    together = await scores(Reader(models, 0), QUESTION, WRONG, RIGHT, NEAR * 30)
    for text, expected in zip((WRONG, RIGHT, NEAR * 30), together, strict=True):
        assert await scores(Reader(models, 0), QUESTION, text) == pytest.approx([expected], abs=TOLERANCE)


async def test_a_remembered_text_has_the_score_that_it_had(reader: Reader, models: Models) -> None:
    first = await scores(reader, QUESTION, RIGHT, WRONG)
    read = models.comparer.hidden
    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models.comparer, "hidden", lambda sequences: seen.append(len(sequences)) or read(sequences))
        assert await scores(reader, QUESTION, WRONG, RIGHT, WRONG) == pytest.approx(
            [first[1], first[0], first[1]], abs=TOLERANCE
        )
    assert seen == [1]  # the question alone


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
async def test_an_empty_text_fits_nothing(reader: Reader, text: str) -> None:
    (found,) = await scores(reader, QUESTION, text)
    assert 0 <= found < 0.01


@pytest.mark.parametrize("question", ["?", "…", "!!!"])
async def test_a_question_of_punctuation_still_has_a_score(reader: Reader, question: str) -> None:
    (found,) = await scores(reader, question, RIGHT)
    assert 0 <= found < 0.5


def test_a_long_text_is_read_in_windows_with_the_place_of_every_token(models: Models) -> None:
    text = "rope anchor " * 400
    (tokenized,) = tokenize(models.tokens, [text])
    assert sorted({len(window) for window in tokenized.windows}) == [800 - 3 * 254 + 2, 256]
    assert {text[start:end] for start, end in tokenized.places} == {"rope", "anchor"}
    assert len(tokenized.places) == 800


def test_a_text_is_read_only_so_far(models: Models) -> None:
    (tokenized,) = tokenize(models.tokens, ["錨" * 100_000])
    assert len(tokenized.places) == MOST_TOKENS


def made(tokens: int) -> Passage:
    return Passage(np.zeros((tokens, 384), np.float16), np.zeros((tokens, 2), np.int32))


def test_the_cache_forgets_what_was_unused_for_longest() -> None:
    cache = PassageCache(3 * made(1).nbytes)
    for text in "abc":
        cache.put(text, made(1))
    assert cache.get("a") is not None
    cache.put("d", made(1))
    assert [text for text in "abcd" if cache.get(text) is None] == ["b"]


def test_the_cache_never_holds_more_than_it_may() -> None:
    cache = PassageCache(5 * made(1).nbytes)
    cache.put("large", made(6))
    assert cache.get("large") is None
    for number in range(50):
        cache.put(str(number), made(1 + number % 5))
        held = [each for n in range(50) if (each := cache.get(str(n))) is not None]
        assert sum(each.nbytes for each in held) <= 5 * made(1).nbytes
        assert cache.get(str(number)) is not None


def test_a_passage_that_nobody_asks_for_is_forgotten_within_a_minute() -> None:
    now = 100.0
    cache = PassageCache(5 * made(1).nbytes, clock=lambda: now)
    cache.put("asked for", made(1))
    cache.put("deleted", made(1))
    now += 40
    assert cache.get("asked for") is not None
    now += 10
    cache.forget_unused()
    assert cache.get("asked for") is not None
    assert cache.get("deleted") is None
    for text in ("a", "b", "c", "d"):
        cache.put(text, made(1))
    assert cache.get("asked for") is not None, "what was forgotten takes no room"
