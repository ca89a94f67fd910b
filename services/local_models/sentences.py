"""Passages into the pieces that can be quoted: sentences, list items, table rows, blocks of code.

Extracted text is not clean prose: lines are wrapped or are items, headings have no end mark, abbreviations have one.
Every piece is a span of its passage, so that what is quoted is what was written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["prose", "item", "row", "code", "heading"]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """`passage[start:end]`, without white space around it."""

    start: int
    end: int
    kind: Kind


# A line at least this long that ends without an end mark goes on in the next: it was wrapped.
WRAPPED_CHARS = 40
HEADING_WORDS = 12
HEADING_CHARS = 100
# Enough around an end mark to judge it by.
NEAR_CHARS = 80
# Longer code is quoted by its lines.
LONGEST_CODE = 600

_FENCE = re.compile(r"[ \t]*(```|~~~)")
_ITEM = re.compile(r"[ \t]*(?:[-*+•◦▪‣–—]|\(?\d{1,3}[.)]|\(?[a-z][.)])[ \t]+(?=\S)")
_MARKDOWN_HEADING = re.compile(r"[ \t]*#{1,6}[ \t]+(?=\S)")
_ROW = re.compile(r"[ \t]*\|.*\||.*\S \| \S.*")
_RULE = re.compile(r"[\s|:=+_*~-]+")
_CODE = re.compile(
    "|".join(
        (
            r"^(?:>>>|\.\.\.|\$) ",  # a prompt
            r"^[ \t]*(?:def|class|import|from|return|if|for|while|with|try|else|elif|except|#include)\b.*[:;()]\s*$",
            r"[;{}]\s*$",
            r"^\s*[}\])]+[,;]?\s*$",
            r"^\s*[\w.\[\]\"']+\s*(?:[-+*/|&]?=|:=)\s*\S",  # an assignment
            r"^\s*[\w.]+\([^)]*\)\s*$",  # a call
            r"^\s*<[/\w][^>]*>\s*$",  # a tag
        )
    )
)
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’)）]*")
_LINE = re.compile(r"[^\n]+")
_OPENERS = "\"'“‘«„(["
_ABBREVIATED = """
    adj al alt approx apr art aug ave bd bros bzgl bzw ca capt cf ch chap co col corp dec dept dr ed eds eq eqs
    ff fig figs feb gen gov hon hr hrsg inc incl jan jr jul jun lt ltd max mar mio mr mrs ms min mme mlle no nos
    nov nr oct op p para pp prof pt ref refs rep rev sec sen sep sept sgt sr st str tab tel univ usw vgl vol
    vols vs z.b d.h u.a e.g i.e a.k.a
"""
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+")
# After an abbreviation like "U.S." only a word that often begins a sentence begins one.
_STARTING = "a an and at but for he however if in it on she that the these they this those we when"
_STARTERS = frozenset(_STARTING.split())


def pieces(passage: str) -> list[Piece]:
    """All pieces in their order; what lies between them is white space, item marks and table rules."""
    found: list[Piece] = []
    block: list[Span] = []  # lines without a blank one between them
    fence: Span | None = None
    for line in _LINE.finditer(passage):
        opens = _FENCE.match(passage, line.start(), line.end())
        if fence is not None:
            if opens:
                found.extend(_code(passage, *fence))
                fence = None
            else:
                fence = (fence[0], line.end())
        elif opens or not line.group().strip() or passage[max(0, line.start() - 2) : line.start()] == "\n\n":
            found.extend(_block(passage, block))
            block = []
            fence = (line.end(), line.end()) if opens else None
            if not opens and line.group().strip():
                block = [line.span()]
        else:
            block.append(line.span())
    found.extend(_code(passage, *fence) if fence is not None else _block(passage, block))
    return found


def _code(text: str, start: int, end: int) -> Iterator[Piece]:
    whole = _trim(text, start, end, "code")
    if whole is None:
        return
    if whole.end - whole.start <= LONGEST_CODE:
        yield whole
        return
    for line in _LINE.finditer(text, start, end):
        if piece := _trim(text, line.start(), line.end(), "code"):
            yield piece


def _block(text: str, lines: list[Span]) -> Iterator[Piece]:
    if _is_code([text[a:b] for a, b in lines]):
        yield from _code(text, lines[0][0], lines[-1][1])
        return
    run: Span | None = None  # a paragraph, or an item and the lines it goes on with
    kind: Kind = "prose"
    for a, b in lines:
        line = text[a:b]
        marked = _ITEM.match(line) or _MARKDOWN_HEADING.match(line)
        row = _ROW.fullmatch(line) is not None
        if run is not None and (marked or row or not _goes_on(text[run[0] : run[1]], kind, line)):
            yield from _run(text, *run, kind)
            run = None
        if row:
            if not _RULE.fullmatch(line) and (piece := _trim(text, a, b, "row", " \t|")):
                yield piece
        elif marked:
            run = (a + marked.end(), b)
            kind = "heading" if _MARKDOWN_HEADING.match(line) else "item"
        elif run is None:
            run, kind = (a, b), "prose"
        else:
            run = (run[0], b)
    if run is not None:
        yield from _run(text, *run, kind)


def _goes_on(before: str, kind: Kind, line: str) -> bool:
    """Whether a line continues the text before it, because that was wrapped."""
    if kind == "heading":
        return False
    last = before.rsplit("\n", 1)[-1].rstrip()
    if kind == "item" and line[:1] in " \t":
        return True
    return len(last) >= WRAPPED_CHARS or line.lstrip()[:1].islower()


def _run(text: str, start: int, end: int, kind: Kind) -> Iterator[Piece]:
    whole = _trim(text, start, end, kind)
    if whole is None or _RULE.fullmatch(text, whole.start, whole.end):
        return
    if kind == "prose" and _is_heading(text[whole.start : whole.end]):
        kind = "heading"
    if kind == "heading":
        yield Piece(whole.start, whole.end, kind)
        return
    begin = whole.start
    for mark in _END.finditer(text, whole.start, whole.end):
        if _ends_here(text, begin, mark, whole.end) and (piece := _trim(text, begin, mark.end(), kind)):
            yield piece
            begin = mark.end()
    if piece := _trim(text, begin, whole.end, kind):
        yield piece


def _ends_here(text: str, begin: int, mark: re.Match[str], end: int) -> bool:
    following = text[mark.end() : min(end, mark.end() + NEAR_CHARS)].lstrip()
    if not following:
        return False  # the run's own end
    if mark.group()[0] in "。！？":
        return True
    first = following.lstrip(_OPENERS)[:1]
    if first.islower():
        return False
    if mark.group()[0] != ".":
        return True
    words = text[max(begin, mark.start() - NEAR_CHARS) : mark.start()].split()
    word = words[-1].lstrip(_OPENERS) if words else ""
    if word.casefold() in _ABBREVIATIONS:
        # "Nov. 5" and "Dr. Okafor", but a word that is cut off nowhere else may end a sentence in lower case: "no."
        return word.casefold() == "no" and not first.isdigit()
    if _INITIALS.fullmatch(f"{word}.") or (word.isdigit() and len(words) == 1):
        next_word = re.match(r"\w+", following.lstrip(_OPENERS))
        return len(word) > 1 and next_word is not None and next_word.group().casefold() in _STARTERS
    return True


def _is_heading(text: str) -> bool:
    """A short line that is no sentence: no end mark, few words, and no verb can be looked for, so it stays a guess."""
    if "\n" in text or len(text) > HEADING_CHARS or text[-1] in ".!?…。！？;,":
        return False
    return len(text.split()) <= HEADING_WORDS and ": " not in text


def _is_code(lines: list[str]) -> bool:
    if not lines:
        return False
    if all(line.startswith(("    ", "\t")) for line in lines) and not any(_ITEM.match(line) for line in lines):
        return True
    codelike = sum(_CODE.search(line) is not None for line in lines)
    return codelike * 2 > len(lines) and not all(_ITEM.match(line) for line in lines)


def _trim(text: str, start: int, end: int, kind: Kind, around: str | None = None) -> Piece | None:
    inner = text[start:end]
    stripped = inner.strip(around)
    stripped_left = len(inner) - len(inner.lstrip(around))
    return Piece(start + stripped_left, start + stripped_left + len(stripped), kind) if stripped else None
