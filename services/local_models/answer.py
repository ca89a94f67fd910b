"""The extractive answer: the sentences of the passages that are nearest to the question, quoted word by word."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from local_models.encoder import sentence_vector
from local_models.models import Models
from local_models.passages import Prompt
from local_models.sentences import pieces

NO_ANSWER = "The documents do not answer this question."
MOST_SENTENCES = 3
MOST_PIECES = 400
MEANING_SHARE = 0.7
# Below this score the best sentence says nothing about the question.
THRESHOLD = 0.42
# A further sentence is quoted when it is nearly as near as the best, and says something else.
NEAR_BEST = 0.85
SAME = 0.92
SHORTEST_CHARS = 12
_WORD = re.compile(r"\w+")
_COMMON = frozenset(
    "a an and are as at be by can do does for from has have how if in is it its many much of on or that the their "
    "there this to was what when where which who why will with you".split()
)


@dataclass(frozen=True)
class Quote:
    """A sentence as it stands in the passage with this mark."""

    text: str
    mark: int

    def __str__(self) -> str:
        return f"{self.text} [{self.mark}]"


async def quotes(models: Models, prompt: Prompt) -> list[Quote]:
    """At most three quotes, in the order of the passages; none when nothing fits."""
    found = [
        Quote(" ".join(passage.text[piece.start : piece.end].split()), passage.mark)
        for passage in prompt.passages
        for piece in pieces(passage.text)
        if piece.kind != "heading" and piece.end - piece.start >= SHORTEST_CHARS
    ][:MOST_PIECES]
    if not found or not prompt.question:
        return []
    texts = [prompt.question, *(quote.text for quote in found)]
    ids = await models.ids(texts)
    vectors = np.stack(await models.scheduler.run(models.comparer, ids, sentence_vector, "interactive"))
    meaning = vectors[1:] @ vectors[0]
    scores = MEANING_SHARE * meaning + (1 - MEANING_SHARE) * _shared_words(prompt.question, [q.text for q in found])
    return _chosen(found, scores, vectors[1:])


def _chosen(found: Sequence[Quote], scores: np.ndarray, vectors: np.ndarray) -> list[Quote]:
    best = float(scores.max())
    if best < THRESHOLD:
        return []
    chosen: list[int] = []
    for place in np.argsort(-scores, kind="stable"):
        if len(chosen) == MOST_SENTENCES or scores[place] < NEAR_BEST * best:
            break
        if all(float(vectors[place] @ vectors[other]) < SAME for other in chosen):
            chosen.append(int(place))
    return [found[place] for place in sorted(chosen)]


def _shared_words(question: str, texts: Sequence[str]) -> np.ndarray:
    """For each text the share of the question's words in it, rare ones counting more (idf over these texts)."""
    asked = {word for word in _words(question) if word not in _COMMON}
    each = [_words(text) for text in texts]
    counts = Counter(word for words in each for word in words & asked)
    weight = {word: math.log(1 + len(texts) / (1 + counts[word])) for word in asked}
    total = sum(weight.values())
    if not total:
        return np.zeros(len(texts))
    return np.array([sum(weight[word] for word in words & asked) / total for words in each])


def _words(text: str) -> set[str]:
    return {word.casefold() for word in _WORD.findall(text)}
