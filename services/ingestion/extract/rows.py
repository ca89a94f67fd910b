"""Rows of values → table blocks: one line a row, cells separated by bars, the header's line on top of each block."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from ingestion.document import Block

Row = tuple[int, list[str]]
"""The row's number in the file, from 1, and its cells."""

# In characters: a block is held whole while it is cut into passages.
LARGEST_BLOCK = 8_000
# Above a table people write what it is about, in a cell or two.
MOST_ROWS_ABOVE = 10
_NUMBER = re.compile(r"[-+−(]?\s*[\d.,'\s]*\d[\d.,'\s]*\)?\s*%?")


def blocks(rows: Iterable[Row], page: int | None = None) -> Iterator[Block]:
    """What stands above the table as paragraphs, then the table."""
    following = (row for row in rows if any(row[1]))
    start = list(islice(following, MOST_ROWS_ABOVE + 1))
    at = _header_at(start)
    for _, cells in start[: at or 0]:
        yield Block("paragraph", " ".join(cell for cell in cells if cell), 0, page)
    header = "" if at is None else line(start[at][1])
    yield from _table(header, chain(start[0 if at is None else at + 1 :], following), page)


def line(cells: Sequence[str]) -> str:
    """The cells in one line, without the empty ones at the end."""
    filled = max((place + 1 for place, cell in enumerate(cells) if cell), default=0)
    return " | ".join(cells[:filled])


def cell(text: str) -> str:
    """A cell's text in one line."""
    return " ".join(text.split())


def _table(header: str, rows: Iterable[Row], page: int | None) -> Iterator[Block]:
    lines: list[str] = []
    numbers: list[int] = []
    size = 0
    none = True
    for number, cells in rows:
        text = line(cells)
        if lines and size + len(text) > LARGEST_BLOCK:
            yield _block(header, lines, numbers, page)
            lines, numbers, size = [], [], 0
        lines.append(text)
        numbers.append(number)
        size += len(text) + 1
        none = False
    if lines:
        yield _block(header, lines, numbers, page)
    elif none and header:
        yield Block("paragraph", header, 0, page)


def _block(header: str, lines: list[str], numbers: list[int], page: int | None) -> Block:
    text = "\n".join([header, *lines] if header else lines)
    return Block("table", text, 0, page, header=1 if header else 0, rows=tuple(numbers))


def _header_at(rows: Sequence[Row]) -> int | None:
    """Where the names of the columns stand: the first row as wide as those after it, if it reads like names."""
    widths = [sum(1 for text in cells if text) for _, cells in rows]
    widest = max(widths, default=0)
    for place, (_, cells) in enumerate(rows):
        if widths[place] < 2 and widest >= 2:
            continue
        if widths[place] * 2 < widest:
            continue
        names = [text for text in cells if text]
        read_like_names = len(set(names)) == len(names) and not any(_NUMBER.fullmatch(text) for text in names)
        return place if read_like_names and place + 1 < len(rows) else None
    return None
