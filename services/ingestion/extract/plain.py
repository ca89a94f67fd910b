"""Plain text → blocks: underlined and numbered headings, lists and indented code found; hard-wrapped lines rejoined."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ingestion.document import Block, BlockKind, Document, assemble
from ingestion.extract.encoding import decode

# A line that people wrapped by hand ends within this many characters of the longest of its paragraph.
WRAP_SLACK = 20
SHORTEST_WRAP = 45
LONGEST_HEADING = 120
# What stands below a title is at least this long; below a shorter line it would be an address or a list.
LEAST_PROSE = 60

_UNDERLINE = re.compile(r"^([=\-~^\"'#*+.:_])\1{2,}\s*$")
_ASCIIDOC = re.compile(r"^(={1,5})\s+(\S.*?)(?:\s+=+)?$")
_BULLET = re.compile(r"^\s*(?:[-*•◦▪‣+o]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+\S")
_COLUMNS = re.compile(r"\S(?:\t| {3,})\S")
_ANCHOR = re.compile(r"^\[\[?[\w .,=\"-]+\]?\]$")
_TITLE = re.compile(r"[A-Z0-9\u00c0-\U0010ffff].{1,78}[^.,:;!?\s]")
_NUMBERED = re.compile(r"(\d+(?:\.\d+)*)\.?\s+[^\W\d]")
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


def extract(data: bytes) -> Document:
    """The document in a text file."""
    text = decode(data).replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n").expandtabs(4)
    return assemble(_blocks(text))


def _blocks(text: str) -> Iterator[Block]:
    ranks: list[str] = []
    groups = [[line.rstrip() for line in group.split("\n")] for group in _BLANK_LINES.split(text.strip("\n"))]
    for place, group in enumerate(groups):
        lines = group[1:] if len(group) > 1 and _ANCHOR.match(group[0]) else group
        heading, rest = _heading(lines, ranks)
        if heading is None and len(lines) == 1:
            heading = _lone_title(lines[0], groups[place + 1] if place + 1 < len(groups) else [], first=place == 0)
            rest = [] if heading else lines
        if heading is not None:
            yield heading
        if rest:
            yield from _body(rest)


def _lone_title(line: str, following: Sequence[str], *, first: bool) -> Block | None:
    """A line between blank ones that reads like a title and stands over prose, not over the next item of a list."""
    text = line.strip()
    if not _TITLE.fullmatch(text) or not following:
        return None
    numbered = _NUMBERED.match(text)
    prose = sum(len(part.strip()) for part in following) >= LEAST_PROSE and not _BULLET.match(following[0])
    if first and not numbered:
        return Block("heading", text, 1)
    if not prose:
        return None
    if numbered:
        return Block("heading", text, min(1 + numbered[1].count("."), 6))
    return Block("heading", text, 2) if not line.startswith(" ") else None


def _heading(lines: Sequence[str], ranks: list[str]) -> tuple[Block | None, Sequence[str]]:
    """A heading at the start of a group, and the lines after it; levels are ranked as their marks first appear."""
    if len(lines) >= 3 and _is_underline(lines[0], lines[1]) and _UNDERLINE.match(lines[2]):
        return _ranked(lines[1], f"over{lines[0][0]}", ranks), lines[3:]
    if len(lines) >= 2 and _is_title(lines[0]) and _is_underline(lines[1], lines[0]):
        return _ranked(lines[0], lines[1][0], ranks), lines[2:]
    asciidoc = _ASCIIDOC.match(lines[0])
    if asciidoc:
        return Block("heading", asciidoc[2], len(asciidoc[1])), lines[1:]
    return None, lines


def _is_title(line: str) -> bool:
    return 0 < len(line.strip()) <= LONGEST_HEADING and not _UNDERLINE.match(line)


def _is_underline(line: str, title: str) -> bool:
    return bool(_UNDERLINE.match(line)) and len(line.rstrip()) >= min(len(title.strip()), 3) and _is_title(title)


def _ranked(title: str, mark: str, ranks: list[str]) -> Block:
    if mark not in ranks:
        ranks.append(mark)
    return Block("heading", title.strip(), min(ranks.index(mark) + 1, 6))


def _body(lines: Sequence[str]) -> Iterator[Block]:
    if any(_BULLET.match(line) for line in lines):
        yield from _items(lines)
    elif all(line.startswith("    ") for line in lines if line) and not _is_wrapped([line.strip() for line in lines]):
        yield Block("code", "\n".join(lines))
    else:
        yield _paragraph(lines)


def _items(lines: Sequence[str]) -> Iterator[Block]:
    """List items with their own wrapped lines; what stands before the first is a paragraph."""
    item: list[str] = []
    kind: BlockKind = "paragraph"
    for line in lines:
        if _BULLET.match(line):
            if item:
                yield _item(item, kind)
            item, kind = [line], "list"
        else:
            item.append(line)
    yield _item(item, kind)


def _item(lines: Sequence[str], kind: BlockKind) -> Block:
    if kind == "paragraph":
        return _paragraph(lines)
    indent = lines[0][: len(lines[0]) - len(lines[0].lstrip())]
    return Block("list", indent + " ".join(line.strip() for line in lines if line.strip()))


def _paragraph(lines: Sequence[str]) -> Block:
    stripped = [line.strip() for line in lines if line.strip()]
    if sum(bool(_COLUMNS.search(line)) for line in stripped) * 2 > len(stripped) > 1:
        return Block("table", "\n".join(line.rstrip() for line in lines))
    return Block("paragraph", (" " if _is_wrapped(stripped) else "\n").join(stripped))


def _is_wrapped(lines: Sequence[str]) -> bool:
    """Whether the lines of a paragraph end where the next word had no room, rather than where they were meant to."""
    if len(lines) < 2:
        return False
    longest = max(len(line) for line in lines)
    if longest < SHORTEST_WRAP:
        return False
    return all(
        len(line) + 1 + len(after.split(maxsplit=1)[0]) > longest - WRAP_SLACK for line, after in pairwise(lines)
    )
