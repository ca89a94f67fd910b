"""HTML tables as text: one line a row, cells separated by bars; tables that only place things are told apart."""

import re

from lxml import etree
from lxml.html import HtmlElement

_SPACE = re.compile(r"\s+")
# A cell longer than this holds prose, so the table holds a page together rather than data.
LONGEST_CELL = 1500
LONGEST_SOLE_CELL = 600
# Two rows of two, or three of one: less is an icon beside a note.
FEWEST_CELLS = 4
FEWEST_ROWS = 3
_STRUCTURE = "descendant::table|descendant::h1|descendant::h2|descendant::h3|descendant::h4"
_BREAKING = frozenset({"p", "div", "br", "li", "ul", "ol", "dt", "dd", "pre", "td", "th"})


def is_layout(table: HtmlElement) -> bool:
    """Whether a table arranges content (old pages, icons beside notes) instead of holding rows of values."""
    if table.get("role") in {"presentation", "none"} or table.xpath(_STRUCTURE):
        return True
    texts = ([text for cell in _cells(row) if (text := _text(cell))] for row in table.iter("tr"))
    rows = [row for row in texts if row]
    widest = max((len(row) for row in rows), default=0)
    longest = max((len(text) for row in rows for text in row), default=0)
    if widest == 1:
        return len(rows) < FEWEST_ROWS or longest > LONGEST_SOLE_CELL
    return sum(len(row) for row in rows) < FEWEST_CELLS or longest > LONGEST_CELL


def table_rows(table: HtmlElement) -> list[str]:
    """The caption, then the rows that are not blank."""
    lines = [_text(caption) for caption in table.iter("caption")]
    for row in table.iter("tr"):
        cells = [_text(cell) for cell in _cells(row)]
        if any(cells):
            lines.append(" | ".join(cells))
    return [line for line in lines if line]


def _cells(row: HtmlElement) -> list[HtmlElement]:
    return [cell for cell in row if cell.tag in {"td", "th"}]


def _text(element: HtmlElement) -> str:
    """The words of a cell; those of neighbouring blocks do not grow together."""
    parts: list[str] = []
    for event, inner in etree.iterwalk(element, events=("start", "end")):
        if inner.tag in _BREAKING:
            parts.append(" ")
        if event == "start":
            parts.append(inner.text or "")
        elif inner is not element:
            parts.append(inner.tail or "")
    return _SPACE.sub(" ", "".join(parts)).strip()
