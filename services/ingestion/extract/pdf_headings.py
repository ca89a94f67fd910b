"""Which lines of a PDF are headings: the bookmarks say so, or else larger or bolder type than the body's."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ingestion.extract.pdf_lines import Line

# Bookmarks are trusted alone when most of them were found in the text.
TRUSTED_SHARE = 0.5
# Body text varies by a few percent between fonts of one nominal size.
LARGER = 1.12
SAME = 0.04
LONGEST_HEADING = 150
MOST_LEVELS = 6

_NUMBERING = re.compile(r"^(?:chapter|section|appendix|part)?\s*(?:\d+|[A-Z])(?:\.\d+)*[.:)]?\s+", re.IGNORECASE)
_WORDS = re.compile(r"[^\W_]+")
_ENDS_LIKE_PROSE = re.compile(r"[.,;]$")


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An entry of the outline: `page` counts from 1."""

    title: str
    level: int
    page: int


def heading_levels(pages: Sequence[Sequence[Line]], bookmarks: Sequence[Bookmark]) -> dict[int, int]:
    """Levels by the `id` of the line; a heading that runs over several lines has all of them in it."""
    marked, found = _from_bookmarks(pages, bookmarks)
    if bookmarks and found >= len(bookmarks) * TRUSTED_SHARE:
        return marked
    return _from_type(pages)


def _from_bookmarks(pages: Sequence[Sequence[Line]], bookmarks: Sequence[Bookmark]) -> tuple[dict[int, int], int]:
    levels: dict[int, int] = {}
    found = 0
    for bookmark in bookmarks:
        wanted = _key(bookmark.title)
        if not wanted or not 1 <= bookmark.page <= len(pages):
            continue
        # Some writers point to the page before the one where the heading has slid.
        for lines in pages[bookmark.page - 1 : bookmark.page + 1]:
            match = _find(lines, wanted, levels)
            if match:
                levels.update((id(line), min(bookmark.level, MOST_LEVELS)) for line in match)
                found += 1
                break
    return levels, found


def _find(lines: Sequence[Line], wanted: str, taken: dict[int, int]) -> Sequence[Line]:
    """One to three successive lines that together read as `wanted`; larger type wins over a mention in the text."""
    best: Sequence[Line] = ()
    for start, line in enumerate(lines):
        if id(line) in taken or not _matches_start(_key(line.text), wanted):
            continue
        for count in (1, 2, 3):
            part = lines[start : start + count]
            if _key(" ".join(piece.text for piece in part)) == wanted:
                if not best or line.size > best[0].size:
                    best = part
                break
    return best


def _matches_start(key: str, wanted: str) -> bool:
    return bool(key) and wanted.startswith(key)


def _key(title: str) -> str:
    bare = _NUMBERING.sub("", title.strip()) or title
    return "".join(_WORDS.findall(bare)).lower()


def _from_type(pages: Sequence[Sequence[Line]]) -> dict[int, int]:
    """Lines in larger type, or in bold of the body's size standing alone, ranked by size."""
    weight: Counter[float] = Counter()
    bold_characters = 0
    total = 0
    for line in (line for page in pages for line in page):
        weight[line.size] += len(line.text)
        bold_characters += len(line.text) if line.bold else 0
        total += len(line.text)
    if not weight:
        return {}
    body = weight.most_common(1)[0][0]
    bold_counts = bold_characters < total * 0.2
    found: list[tuple[Line, tuple[float, bool]]] = []
    for page in pages:
        for place, line in enumerate(page):
            if not _could_be_heading(line):
                continue
            large = line.size > body * LARGER
            if large or (bold_counts and line.bold and line.size >= body * (1 - SAME) and _stands_alone(page, place)):
                found.append((line, (_rounded(line.size, body), line.bold)))
    ranks = sorted({style for _, style in found}, reverse=True)
    return {id(line): min(ranks.index(style) + 1, MOST_LEVELS) for line, style in found}


def _rounded(size: float, body: float) -> float:
    """Sizes that differ by less than a font's metrics may are one."""
    return max(1.0, round(size / body / 0.08) * 0.08)


def _could_be_heading(line: Line) -> bool:
    text = line.text
    if line.fixed or line.cells or len(text) > LONGEST_HEADING or _ENDS_LIKE_PROSE.search(text):
        return False
    return sum(character.isalpha() for character in text) >= max(2, len(text) // 3)


def _stands_alone(page: Sequence[Line], place: int) -> bool:
    """Space above, and no other bold line below: emphasis inside a paragraph is not a heading."""
    line = page[place]
    above = page[place - 1] if place else None
    below = page[place + 1] if place + 1 < len(page) else None
    gap_above = above is None or above.y_last - line.y > line.size * 1.3 or above.y_last < line.y
    return gap_above and (below is None or not below.bold) and len(line.text) < LONGEST_HEADING // 2
