"""The question and the passages in a chat's messages, as the platform's prompts write them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# A tag ends where the next one begins, so that unclosed ones in a hostile text cost no second look.
_TAG = re.compile(r"<passage\s+id=\"(?P<mark>\d{1,4})\"[^<>]*>|</passage>|<question>|</question>")
# How the orchestrator keeps a document's text from being taken for structure; undone, a quote is the document's own.
_ESCAPED = re.compile(r"&lt;(?=\s*/?\s*(?:passages?|question)\b)", re.IGNORECASE)
_PASSAGES = re.compile(r"</?passages>")
_MARK = re.compile(r"^\[(?P<mark>\d{1,4})\][ \t]*", re.MULTILINE)
_PARAGRAPHS = re.compile(r"\n[ \t]*\n")
_LABEL = re.compile(r"^(?:question|frage|pregunta)[ \t]*:[ \t]*", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """A passage's text and the number that citations of it carry."""

    mark: int
    text: str


@dataclass(frozen=True)
class Prompt:
    """What an extractive answer is made from."""

    question: str
    sources: tuple[Source, ...]


def parse(message: str) -> Prompt:
    """The user's message taken apart; without tags, passages are paragraphs that begin with `[n]`.

    The question is the last one in tags, else what stands before the passages, else the last paragraph.
    """
    found: list[Source] = []
    question: str | None = None
    outside: list[str] = []
    end = 0
    for opening, closing in _elements(message):
        outside.append(message[end : opening.start()])
        end = closing.end()
        text = _ESCAPED.sub("<", message[opening.end() : closing.start()]).strip()
        if opening["mark"]:
            found.append(Source(int(opening["mark"]), text))
        else:
            question = text
    rest = _PASSAGES.sub("", "".join([*outside, message[end:]])).strip()
    if found:
        return Prompt(rest if question is None else question, tuple(found))
    marked, around = _paragraphs(rest)
    return Prompt(around if question is None else question, marked)


def _elements(message: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
    """Opening and closing tag of each passage and question; within one, only its closing tag counts."""
    opening: re.Match[str] | None = None
    for tag in _TAG.finditer(message):
        if opening is None:
            opening = None if tag.group().startswith("</") else tag
        elif tag.group() == ("</passage>" if opening["mark"] else "</question>"):
            yield opening, tag
            opening = None


def _paragraphs(text: str) -> tuple[tuple[Source, ...], str]:
    """Passages that begin with `[n]`, and the question before or after them."""
    marks = list(_MARK.finditer(text))
    if not marks:
        return (), _LABEL.sub("", text, count=1).strip()
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    bodies = [text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]
    question = text[: marks[0].start()].strip()
    labelled = list(_LABEL.finditer(bodies[-1]))
    blank = list(_PARAGRAPHS.finditer(bodies[-1]))
    if labelled:
        question = bodies[-1][labelled[-1].end() :].strip()
        bodies[-1] = bodies[-1][: labelled[-1].start()].strip()
    elif not question and blank:
        question = bodies[-1][blank[-1].end() :].strip()
        bodies[-1] = bodies[-1][: blank[-1].start()].strip()
    found = tuple(Source(int(mark["mark"]), body) for mark, body in zip(marks, bodies, strict=True))
    return found, _LABEL.sub("", question, count=1).strip()
