"""What extraction makes of a file, whatever its kind: a title and one text made of blocks in reading order."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ingestion.normalise import clean

BlockKind = Literal["heading", "paragraph", "list", "term", "code", "table"]

# A title is shown in lists and prefixed to what is embedded.
LONGEST_TITLE = 200
LONGEST_FACT = 500


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of structure. Lines of code, tables and nested lists stay lines; a paragraph is one line.

    A `term` introduces what follows it, such as the signature in an API reference: it belongs to the next block.
    """

    kind: BlockKind
    text: str
    level: int = 0
    """Depth of a heading, from 1, with gaps allowed; 0 for everything else."""
    page: int | None = None
    """Page or slide on which the block begins, from 1; None for kinds of file that have none."""
    header: int = 0
    """How many of its first lines name the columns of the others: they stand again wherever those are cut off."""
    rows: tuple[int, ...] = ()
    """For each line after the header, the number of its row in the file, from 1."""


@dataclass(frozen=True, slots=True)
class Span:
    """A block at its place in the document's text: `text[start:end]`."""

    block: Block
    start: int
    end: int
    header: str = ""
    """The lines that name the columns, if the block has such: its own first ones, or those it was cut off from."""


@dataclass(frozen=True)
class Document:
    """A file's content. Every character of `text` belongs to a block or to the white space between two blocks."""

    title: str
    text: str
    spans: tuple[Span, ...]
    pages: int | None = None
    removed: Mapping[str, int] = field(default_factory=dict[str, int])
    """Characters that normalisation took out, by kind."""
    about: Mapping[str, str] = field(default_factory=dict[str, str])
    """What the file says of itself: description, author, date, url, from, to, and what was left out of it."""


def assemble(
    blocks: Iterable[Block], *, title: str = "", pages: int | None = None, about: Mapping[str, str] | None = None
) -> Document:
    """Normalise the blocks' texts and lay them out as one document; blocks without a visible character vanish.

    Without a `title` a heading that opens the text is it.
    """
    removed: Counter[str] = Counter()
    parts: list[str] = []
    spans: list[Span] = []
    position = 0
    before: BlockKind | None = None
    for block in blocks:
        text = clean(block.text, removed)
        if not text.strip():
            continue
        # The indentation of code and of nested lists is part of what they say.
        text = text.strip("\n").rstrip() if block.kind in {"code", "list"} else text.strip()
        if parts:
            gap = "\n" if block.kind == before == "list" else "\n\n"
            parts.append(gap)
            position += len(gap)
        header, rows = _header(block, text)
        placed = Block(block.kind, text, block.level, block.page, block.header if header else 0, rows)
        spans.append(Span(placed, position, position + len(text), header))
        parts.append(text)
        position += len(text)
        before = block.kind
    name = " ".join(clean(title, removed).split()) or _opening_heading(spans)
    facts = {key: " ".join(clean(value, removed).split())[:LONGEST_FACT] for key, value in (about or {}).items()}
    kept = {key: value for key, value in facts.items() if value}
    return Document(name[:LONGEST_TITLE].rstrip(), "".join(parts), tuple(spans), pages, dict(removed), kept)


def _header(block: Block, text: str) -> tuple[str, tuple[int, ...]]:
    """The block's header lines, and its rows; neither when normalisation made other lines of it."""
    if not block.header and not block.rows:
        return "", ()
    lines = text.split("\n")
    rows = block.rows if len(lines) == block.header + len(block.rows) else ()
    return ("\n".join(lines[: block.header]) if len(lines) > block.header else ""), rows


def _opening_heading(spans: list[Span]) -> str:
    first = next((span for span in spans if span.block.level), None)
    if first is None or first.start > LONGEST_TITLE or first.block.page not in {None, 1}:
        return ""
    return first.block.text
