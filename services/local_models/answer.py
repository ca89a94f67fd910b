"""The extractive answer: the sentences of the passages that fit the question best, quoted word by word."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from common.key_file import Lane
from local_models.passages import Passage
from local_models.prompt import Prompt
from local_models.reader import Reader, Reading
from local_models.relevance import relevance
from local_models.sentences import pieces

# The orchestrator's prompt asks real models for the same words, and knows an answer by them.
NO_ANSWER = "The documents do not answer this question."
MOST_SENTENCES = 3
# Below this relevance the best sentence says nothing about the question. Of answerable questions 97 to 98 % are above
# it, of those about another subject next to none (tests/load/calibrate_relevance.py); short ones lie lowest.
THRESHOLD = 0.46
# A further sentence is quoted when it fits nearly as well as the best, and says something else.
NEAR_BEST = 0.92
SAME_WORDS = 0.7
SHORTEST_CHARS = 12
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Quote:
    """A sentence as it stands in the passage with this mark."""

    text: str
    mark: int

    def __str__(self) -> str:
        return f"{self.text} [{self.mark}]"


@dataclass(frozen=True)
class Candidate:
    """A sentence that could be quoted."""

    quote: Quote
    relevance: float


async def quotes(reader: Reader, prompt: Prompt, lane: Lane) -> list[Quote]:
    """At most three quotes, in the order of the passages; none when nothing fits."""
    if not prompt.question or not prompt.sources:
        return []
    reading = await reader.read(prompt.question, [source.text for source in prompt.sources], lane)
    return chosen(await asyncio.to_thread(candidates, prompt, reading))


def candidates(prompt: Prompt, reading: Reading) -> list[Candidate]:
    """Every sentence of every passage with its relevance, in their order."""
    found: list[Candidate] = []
    for source, passage in zip(prompt.sources, reading.passages, strict=True):
        for text, rows in _sentences(source.text, passage):
            found.append(Candidate(Quote(text, source.mark), relevance(reading.question, passage, rows)))
    return found


def chosen(found: Sequence[Candidate]) -> list[Quote]:
    """The quotes that make the answer, in the order of the passages: among quotes that fit nearly alike, search, which
    knows the words too, has the better idea of which comes first."""
    best = max((candidate.relevance for candidate in found), default=0.0)
    if best < THRESHOLD:
        return []
    kept: list[int] = []
    for place in sorted(range(len(found)), key=lambda place: -found[place].relevance):
        if len(kept) == MOST_SENTENCES or found[place].relevance < NEAR_BEST * best:
            break
        if not any(_same(found[place].quote.text, found[other].quote.text) for other in kept):
            kept.append(place)
    return [found[place].quote for place in sorted(kept)]


def _sentences(text: str, passage: Passage) -> Iterator[tuple[str, np.ndarray]]:
    """What can be quoted, and the tokens that speak for it: its own and those of the heading above it."""
    starts, ends = passage.places[:, 0], passage.places[:, 1]
    heading = np.empty(0, dtype=np.intp)
    for piece in pieces(text):
        rows = np.flatnonzero((starts >= piece.start) & (ends <= piece.end))
        if piece.kind == "heading":
            heading = rows
        elif piece.end - piece.start >= SHORTEST_CHARS and len(rows):
            quoted = text[piece.start : piece.end]
            # Wrapped lines are one sentence; the lines of code are not.
            quoted = quoted if piece.kind == "code" else " ".join(quoted.split())
            yield quoted, np.concatenate([heading, rows])


def _same(text: str, other: str) -> bool:
    words, others = set(_WORD.findall(text.casefold())), set(_WORD.findall(other.casefold()))
    return len(words & others) >= SAME_WORDS * max(1, len(words | others))
