"""Sentences with their place in the text, so that a quote can be cut out of a passage unchanged."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# An end mark followed by space, or a line break: headings, list items and table rows end without a mark.
_BREAK = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])|\s*\n\s*")
_WORD = re.compile(r"\w+", re.UNICODE)
# Abbreviations after which a full stop does not end the sentence.
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|cf|Dr|Mr|Mrs|Ms|Prof|St|Fig|approx|[A-Z])\.$")


@dataclass(frozen=True)
class Sentence:
    """`text` is `source[start:end]` exactly."""

    start: int
    end: int
    text: str


def split(source: str) -> Iterator[Sentence]:
    """The sentences of `source` in order, without the space around them."""
    start = 0
    for found in _BREAK.finditer(source):
        if "\n" not in found.group() and _ABBREVIATION.search(source, start, found.start()):
            continue
        yield from _trimmed(source, start, found.end())
        start = found.end()
    yield from _trimmed(source, start, len(source))


def words(text: str) -> list[str]:
    """The words of `text`, case-folded."""
    return [word.casefold() for word in _WORD.findall(text)]


def _trimmed(source: str, start: int, end: int) -> Iterator[Sentence]:
    text = source[start:end]
    stripped = text.strip()
    if stripped:
        first = start + len(text) - len(text.lstrip())
        yield Sentence(first, first + len(stripped), stripped)
