"""Lines of PDF pages → blocks: running heads dropped, wrapped lines and cut words rejoined, rows and code kept."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from ingestion.document import Block, BlockKind
from ingestion.extract.pdf_lines import JOINED, Line

# Running heads and page numbers stand in this share of the page at its top and bottom.
MARGIN = 0.12
# A text in the margins that comes back on so many pages is furniture.
LEAST_REPEATS = 3
# A gap this much larger than the usual distance of lines ends a paragraph.
LARGER_GAP = 1.3
# Lines further apart than this many type sizes never belong together.
FAR = 2.2
# The half of a page that must be in lines of one side for it to be set in two columns.
COLUMN_SHARE = 0.25

_DIGITS = re.compile(r"\d+|\b[ivxlc]+\b", re.IGNORECASE)
_LEADERS = re.compile(r"(?:\s?[.·…]){4,}[\s|]*\w{0,6}$")
_BULLET = re.compile(r"^(?:[•◦▪‣∙●○■□–—*·✓➢-]|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)])\s+\S")
_LONE_BULLET = re.compile(r"^(?:[•◦▪‣∙●○■□])$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_SPLIT_WORD = re.compile(rf"([^\W\d_]+){JOINED}([^\W\d_]*)")
_SENTENCE_END = re.compile(r"[.!?:;][\"”’')\]]*$")


def without_furniture(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The pages without running heads, page numbers and the dotted lines of tables of contents."""
    repeats = Counter(key for page in pages for key in {_furniture_key(line) for line in page if _in_margin(line)})
    offsets = Counter(offset for page in pages for line in page if _in_margin(line) for offset in _page_offsets(line))
    numbering = {offset for offset, count in offsets.items() if count >= max(LEAST_REPEATS, len(pages) // 3)}
    return [
        [
            line
            for line in page
            if not _LEADERS.search(line.text)
            and not (_in_margin(line) and (_repeats(line, repeats) or numbering & _page_offsets(line)))
        ]
        for page in pages
    ]


def blocks_of(pages: Sequence[Sequence[Line]], levels: Mapping[int, int]) -> list[Block]:
    """The blocks in reading order; `levels` names the headings by the `id` of their lines."""
    vocabulary = Counter(word.lower() for page in pages for line in page for word in _WORD.findall(line.text))
    blocks: list[Block] = []
    for page in pages:
        pitch = _pitch(page)
        edges = _right_edges(page)
        for group in _groups(page, levels, pitch, edges):
            block = _block(group, levels, edges, vocabulary)
            before = blocks[-1] if blocks else None
            if before is not None and before.kind == block.kind == "table" and before.page == block.page:
                blocks[-1] = replace(before, text=f"{before.text}\n{block.text}")
            elif before is not None and _continues(before, block):
                blocks[-1] = replace(before, text=_glue(before.text, block.text, vocabulary))
            else:
                blocks.append(block)
    return blocks


def _furniture_key(line: Line) -> str:
    return _DIGITS.sub("#", line.text).strip().lower()


def _in_margin(line: Line) -> bool:
    return line.y > line.page_height * (1 - MARGIN) or line.y < line.page_height * MARGIN


def _repeats(line: Line, repeats: Counter[str]) -> bool:
    key = _furniture_key(line)
    return repeats[key] >= LEAST_REPEATS or key.strip("–—-.[]() ") in {"#", "page #", "# of #", "page # of #", "# / #"}


def _page_offsets(line: Line) -> set[int]:
    """How far the numbers at a line's ends are from the page's: the same on every page for a printed page number."""
    words = line.text.split()
    return {line.page - int(word) for word in (words[0], words[-1]) if word.isdecimal() and len(word) < 5}


def _pitch(page: Sequence[Line]) -> float:
    """The usual distance from one line to the next."""
    gaps = [above.y_last - below.y for above, below in pairwise(page)]
    usual = [gap for gap, line in zip(gaps, page, strict=False) if 0.5 * line.size < gap < FAR * line.size]
    return median(usual) if usual else 0.0


def _right_edges(page: Sequence[Line]) -> tuple[float, float | None]:
    """Where full lines end: on the page, and in its left column if it has two.

    The median of the long ones: too small an edge only joins lines that end close to it, too large a one tears all.
    """
    if not page:
        return 0.0, None
    middle = page[0].page_width / 2
    left = [line.right for line in page if line.right < middle + 10]
    right = [line for line in page if line.left > middle - 10]
    whole = _usual_end([line.right for line in page])
    if len(left) > len(page) * COLUMN_SHARE and len(right) > len(page) * COLUMN_SHARE:
        return whole, _usual_end(left)
    return whole, None


def _usual_end(ends: Sequence[float]) -> float:
    longest = max(ends)
    return median(end for end in ends if end > longest * 0.85)


def _groups(
    page: Sequence[Line], levels: Mapping[int, int], pitch: float, edges: tuple[float, float | None]
) -> Iterator[list[Line]]:
    """Runs of lines that belong together: no larger gap, one style, no new bullet."""
    group: list[Line] = []
    for line in page:
        if group and _breaks(group, line, levels, pitch, edges):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _breaks(
    group: Sequence[Line],
    line: Line,
    levels: Mapping[int, int],
    pitch: float,
    edges: tuple[float, float | None],
) -> bool:
    before = group[-1]
    if levels.get(id(before)) != levels.get(id(line)):
        return True
    if line.cells and not any(above.cells for above in group):
        return True  # a table begins
    if before.fixed != line.fixed and not _runs_on(before, line, pitch, edges):
        return True
    if id(line) not in levels and _BULLET.match(line.text) and not line.fixed:
        return True
    if len(group) > 1 and group[1].left > group[0].left + 2 >= line.left + 1 and _BULLET.match(group[0].text):
        return True  # back from the hanging indent of a list item
    gap = before.y_last - line.y
    if gap < -line.size:
        return True  # upwards: the next column
    limit = max(pitch * LARGER_GAP, line.size * 1.05) if pitch else line.size * FAR
    if id(line) in levels or line.fixed:
        limit = line.size * FAR
    return gap > limit or abs(before.size - line.size) > before.size * 0.15


def _runs_on(before: Line, line: Line, pitch: float, edges: tuple[float, float | None]) -> bool:
    """Whether a change to or from a fixed width happens inside a paragraph."""
    close = 0 <= before.y_last - line.y <= pitch * 1.1
    return close and abs(before.left - line.left) < before.size * 0.5 and _was_wrapped(before, line, edges)


def _block(
    group: Sequence[Line],
    levels: Mapping[int, int],
    edges: tuple[float, float | None],
    vocabulary: Mapping[str, int],
) -> Block:
    first = group[0]
    level = levels.get(id(first), 0)
    if level:
        return Block("heading", _mend(" ".join(line.text for line in group), vocabulary), level, first.page)
    if all(line.fixed for line in group):
        return Block("code", _code(group), 0, first.page)
    text = first.text
    rows = sum(line.cells for line in group)
    for before, line in pairwise(group):
        # In a table what does not start at the left goes on in a cell of the row above.
        if rows:
            wrapped = line.left > first.left + first.size and not line.cells
        else:
            wrapped = _was_wrapped(before, line, edges) or _LONE_BULLET.match(text) is not None
        text = _glue(text, line.text, vocabulary) if wrapped else f"{text}\n{line.text}"
    kind: BlockKind = "table" if rows else "list" if _BULLET.match(text) else "paragraph"
    return Block(kind, _mend(text, vocabulary), 0, first.page)


def _was_wrapped(before: Line, line: Line, edges: tuple[float, float | None]) -> bool:
    """Whether the line broke because the next word had no room; a line broken earlier was meant to end there."""
    if abs(before.y_last - line.y) < before.size * 0.3:
        return True  # the same line on paper, in two pieces
    page_edge, column_edge = edges
    edge = column_edge if column_edge is not None and before.left < before.page_width / 2 - 10 else page_edge
    space = before.size * 0.5
    return before.right + space + line.first_word > edge


def _code(group: Sequence[Line]) -> str:
    """Lines with the indentation that their place on the page shows."""
    widths = [(line.right - line.left) / len(line.text) for line in group if len(line.text) > 3]
    character = median(widths) if widths else group[0].size * 0.6
    margin = min(line.left for line in group)
    return "\n".join(" " * round((line.left - margin) / max(character, 1.0)) + line.text for line in group)


def _continues(before: Block, block: Block) -> bool:
    """Whether a paragraph runs on over the page break: it has no end, and what follows has no beginning."""
    return (
        before.page != block.page
        and before.kind in {"paragraph", "list"}
        and block.kind == "paragraph"
        and not _SENTENCE_END.search(before.text)
        and block.text[:1].islower()
    )


def _glue(text: str, more: str, vocabulary: Mapping[str, int]) -> str:
    """Two lines as one; a word cut by a hyphen is mended."""
    if text.endswith("-") and text[-2:-1].isalpha() and more[:1].islower():
        return _mend(f"{text[:-1]}{JOINED}{more}", vocabulary)
    return f"{text} {more}"


def _mend(text: str, vocabulary: Mapping[str, int]) -> str:
    """Cut words whole again: with their hyphen when the document writes them so elsewhere and never without."""

    def mended(match: re.Match[str]) -> str:
        head, tail = match.groups()
        joined, hyphened = f"{head}{tail}".lower(), f"{head}-{tail}".lower()
        if vocabulary.get(joined):
            return head + tail
        parts_are_words = vocabulary.get(head.lower(), 0) > 1 and vocabulary.get(tail.lower(), 0) > 1
        return f"{head}-{tail}" if vocabulary.get(hyphened) or parts_are_words else head + tail

    return _SPLIT_WORD.sub(mended, text).replace(JOINED, "")
