"""Texts token by token: what a question is compared with, in reranking and in answering."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from local_models.tokens import CLS, MAX_TOKENS, SEP, Tokens

# What the model reads at once, beside [CLS] and [SEP].
WINDOW = MAX_TOKENS - 2
# A longer text is read this far: the largest passage that ingestion makes fits.
MOST_TOKENS = 16 * WINDOW
# Enough text for that many tokens.
LONGEST_CHARS = 32_768
# A deleted document is nowhere after a minute; this leaves time for the looks in between.
LONGEST_UNUSED_S = 45.0


@dataclass(frozen=True)
class Passage:
    """A text as the model sees it: each token with what surrounds it."""

    directions: np.ndarray
    """float16 (tokens, 384), of length 1."""
    places: np.ndarray
    """int32 (tokens, 2): start and end of each token in the text, in characters."""

    @property
    def nbytes(self) -> int:
        """Memory that it holds."""
        return self.directions.nbytes + self.places.nbytes


@dataclass(frozen=True)
class Question:
    """A question as the model sees it."""

    words: np.ndarray
    """float32 (words, 384), of length 1: its tokens but [CLS], [SEP] and punctuation."""
    weights: np.ndarray
    """float32 (words,), their sum 1: how much each word says; none says nothing."""
    vector: np.ndarray
    """float32 (384,), of length 1: what it means as a whole."""


@dataclass(frozen=True)
class Tokenized:
    """A text's tokens in the windows that the model will read."""

    windows: list[list[int]]
    places: np.ndarray


def tokenize(tokens: Tokens, texts: Sequence[str]) -> list[Tokenized]:
    """Each text, as far as it will be read, in windows."""
    found: list[Tokenized] = []
    for ids, places in tokens.uncut([text[:LONGEST_CHARS] for text in texts]):
        kept = ids[:MOST_TOKENS]
        windows = [[CLS, *kept[start : start + WINDOW], SEP] for start in range(0, len(kept), WINDOW)]
        found.append(Tokenized(windows, np.array(places[: len(kept)], dtype=np.int32).reshape(-1, 2)))
    return found


def directions(hidden: np.ndarray) -> np.ndarray:
    """Hidden states as float16 of length 1, [CLS] and [SEP] included; runs in an inference thread."""
    return (hidden / np.linalg.norm(hidden, axis=1, keepdims=True)).astype(np.float16)


def passage(tokenized: Tokenized, windows: Sequence[np.ndarray]) -> Passage:
    """The passage from the directions of its windows, in order."""
    rows = [window[1:-1] for window in windows]
    empty = np.empty((0, 0), dtype=np.float16)
    return Passage(np.concatenate(rows) if rows else empty, tokenized.places)


def question(tokens: Tokens, ids: Sequence[int], read: np.ndarray) -> Question:
    """A question from its token ids and their directions. One of nothing but punctuation has no words."""
    rows = read.astype(np.float32)
    weights = tokens.weights[np.asarray(ids)]
    kept = weights > 0
    total = weights.sum()
    mean = rows.mean(axis=0)
    return Question(rows[kept], weights[kept] / total if total else weights[kept], mean / np.linalg.norm(mean))


class PassageCache:
    """The passages seen last, up to so many bytes: answering follows reranking with the same texts.

    What was not asked for in a while is forgotten, so that nothing is left here of a document that was deleted.
    """

    def __init__(self, most_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most_bytes = most_bytes
        self._clock = clock
        self._bytes = 0
        self._passages: OrderedDict[bytes, tuple[Passage, float]] = OrderedDict()

    def get(self, text: str) -> Passage | None:
        """The passage of exactly this text, if it is here."""
        key = _key(text)
        found = self._passages.get(key)
        if found is None:
            return None
        self._passages[key] = found[0], self._clock()
        self._passages.move_to_end(key)
        return found[0]

    def put(self, text: str, made: Passage) -> None:
        """Keep a passage; those unused for longest make room for it."""
        key = _key(text)
        if key in self._passages or made.nbytes > self._most_bytes:
            return
        self._passages[key] = made, self._clock()
        self._bytes += made.nbytes
        while self._bytes > self._most_bytes:
            self._forget_oldest()

    def forget_unused(self) -> None:
        """Let go of passages that nobody has asked for in `LONGEST_UNUSED_S`."""
        before = self._clock() - LONGEST_UNUSED_S
        while self._passages and next(iter(self._passages.values()))[1] < before:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, (oldest, _) = self._passages.popitem(last=False)
        self._bytes -= oldest.nbytes


def _key(text: str) -> bytes:
    # A digest, so that no caller's text stays in memory; 128 bits do not collide.
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
