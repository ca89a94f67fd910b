"""The question and the passages in a chat's messages, as the platform's prompts write them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PASSAGE = re.compile(r"<passage\s+id=\"(?P<mark>\d{1,4})\"[^>]*>(?P<text>.*?)</passage>", re.DOTALL)
_MARKED = re.compile(r"^\[(?P<mark>\d{1,4})\][ \t]*(?P<text>.*?)(?=^\[\d{1,4}\]|\Z)", re.DOTALL | re.MULTILINE)
_QUESTION = re.compile(r"<question>(?P<text>.*?)</question>", re.DOTALL)
_TAGS = re.compile(r"</?passages>")


@dataclass(frozen=True)
class Passage:
    """A passage and the number that citations of it carry."""

    mark: int
    text: str


@dataclass(frozen=True)
class Prompt:
    """What an extractive answer is made from."""

    question: str
    passages: tuple[Passage, ...]


def parse(contents: Sequence[str]) -> Prompt:
    """The last of the user's messages, taken apart; without tags, passages are paragraphs that begin with `[n]`."""
    text = contents[-1] if contents else ""
    found = tuple(Passage(int(m["mark"]), m["text"].strip()) for m in _PASSAGE.finditer(text))
    rest = _TAGS.sub("", _PASSAGE.sub("", text))
    if not found:
        found = tuple(Passage(int(m["mark"]), m["text"].strip()) for m in _MARKED.finditer(text))
        rest = _MARKED.sub("", text)
    asked = _QUESTION.search(rest)
    return Prompt((asked["text"] if asked else rest).strip(), found)
