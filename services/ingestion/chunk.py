"""Cuts a document into passages that respect its structure, measured in the embedding model's tokens."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ingestion.document import Document, Span
from ingestion.tokens import Tokens
from ingestion.windows import CONTEXT_SHARE, windows_of

# A passage shorter than this share of the size is joined with the next one if both fit.
SMALL_SHARE = 5
# The names of a table's columns are repeated unless they take more than this share of a passage.
HEADER_SHARE = 3
# In characters; far more than any passage, far less than what would fill the memory.
LONGEST_BLOCK = 16_384

_LINE = re.compile(r"\S.*")
# Cut points only: an abbreviation taken for an end costs nothing but a slightly shorter passage.
_SENTENCE = re.compile(r"\S.*?(?:[.!?…][\"”’')\]]*(?=\s)|[。！？]|\n|\Z)", re.DOTALL)


Strategy = Literal["auto", "static", "sentence"]
"""`auto` respects the document's structure, `static` fills passages up, `sentence` takes a few of them at a time."""


@dataclass(frozen=True)
class ChunkOptions:
    """Sizes in tokens of the embedding model, its special ones included."""

    size: int
    overlap: int
    window: int
    """Longest text that the model reads; longer passages are embedded in several windows."""
    context: bool = True
    """Whether title and headings are embedded with each passage."""
    strategy: Strategy = "auto"
    sentences: int = 0
    """With the strategy `sentence`, how many of them a passage holds at most…"""
    sentence_overlap: int = 0
    """…and how many of those it repeats from the one before it."""


@dataclass(frozen=True)
class Passage:
    """A piece of the document, as it is quoted and as it is embedded."""

    text: str
    """The source's own words, `document.text[start:end]`; above rows cut off from them, the names of the columns."""
    start: int
    end: int
    headings: tuple[str, ...]
    page: int | None
    page_end: int | None
    tokens: int
    windows: tuple[str, ...]
    """What is embedded: the text, or its parts if it is longer than the model's window, each with its context."""
    lead: int = 0
    """Length of what stands before the source's words in `text`."""
    rows: tuple[int, int] | None = None
    """First and last row of the table that is in it, by their numbers in the file."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is kept whole if it can be: a block, or a part of one that is too long."""

    start: int
    end: int
    tokens: int
    page: int | None
    term: bool = False
    header: str = ""
    """Names of the columns, which stand elsewhere."""
    header_tokens: int = 0
    rows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Section:
    path: tuple[Span, ...]
    """The headings above the text, from the highest."""
    lead: tuple[Span, ...]
    """Those of them that stand right before it."""
    body: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class _Draft:
    units: tuple[_Unit, ...]
    path: tuple[Span, ...]
    lead: tuple[Span, ...]

    @property
    def tokens(self) -> int:
        return sum(unit.tokens for unit in self.units) + self.units[0].header_tokens


def chunk(document: Document, tokens: Tokens, options: ChunkOptions) -> list[Passage]:
    """The passages of a document in its order. Each block of it is in one of them; a heading without text under it too.

    A passage ends where a section or a page ends, unless it would be too small to stand alone.
    """
    spans = [slab for span in document.spans for slab in _slabs(span)]
    sizes = dict(zip(spans, tokens.count([span.block.text for span in spans]), strict=True))
    if options.strategy == "static":
        drafts = list(_filled(document, spans, sizes, tokens, options))
    else:
        drafts = list(_by_section(document, spans, sizes, tokens, options))
    if options.strategy == "auto":
        drafts = _merge_small(drafts, sizes, options.size - options.size // CONTEXT_SHARE, options.size // SMALL_SHARE)
    return [_passage(document, draft, before, tokens, options) for before, draft in _with_previous(drafts)]


def _by_section(
    document: Document, spans: Sequence[Span], sizes: dict[Span, int], tokens: Tokens, options: ChunkOptions
) -> Iterator[_Draft]:
    for section in _sections(spans):
        budget = _budget(document, section.path, tokens, options)
        if options.strategy == "sentence":
            units = [unit for span in section.body for unit in _sentences(span, tokens, budget)]
            groups = _windowed(units, budget, options)
        else:
            units = [unit for span in section.body for unit in _units(span, sizes[span], tokens, budget)]
            groups = _pack(units, budget)
        for place, group in enumerate(groups):
            yield _Draft(tuple(group), section.path, () if place else section.lead)


def _filled(
    document: Document, spans: Sequence[Span], sizes: dict[Span, int], tokens: Tokens, options: ChunkOptions
) -> Iterator[_Draft]:
    """Passages as full as they can be, over the ends of sections and pages; headings inside are part of the text."""
    path: list[Span] = []
    above: tuple[Span, ...] = ()
    group: list[_Unit] = []
    total = budget = 0
    for span in spans:
        while span.block.level and path and path[-1].block.level >= span.block.level:
            path.pop()
        own = _budget(document, path, tokens, options)
        for unit in _units(span, sizes[span], tokens, own):
            if group and total + unit.tokens > budget:
                yield _Draft(tuple(group), above, ())
                group = []
            if not group:
                above, budget, total = tuple(path), own, unit.header_tokens
            group.append(unit)
            total += unit.tokens
        if span.block.level:
            path.append(span)
    if group:
        yield _Draft(tuple(group), above, ())


def _slabs(span: Span) -> Iterator[Span]:
    """The block itself, or pieces of one so long that neither it nor its tokens should be held at once."""
    block = span.block
    at = 0
    while len(block.text) - at > LONGEST_BLOCK:
        # At the last end of a line or a word; a text without any is cut where it must be.
        window = block.text[at : at + LONGEST_BLOCK]
        cut = max(window.rfind("\n"), window.rfind(". ") + 1) or window.rfind(" ")
        cut = cut if cut > LONGEST_BLOCK // 2 else LONGEST_BLOCK
        yield _slab(span, at, at + cut)
        at += cut
    yield _slab(span, at, len(block.text)) if at else span


def _slab(span: Span, first: int, last: int) -> Span:
    """A part of a block; which rows it holds is not worth the counting."""
    header = span.block.header if first == 0 else 0
    block = replace(span.block, text=span.block.text[first:last], header=header, rows=())
    return Span(block, span.start + first, span.start + last, span.header)


def _sections(spans: Sequence[Span]) -> Iterator[_Section]:
    """Runs of blocks under the same headings. A heading with nothing under it counts as a block of its parent's."""
    path: list[Span] = []
    lead: list[Span] = []
    body: list[Span] = []
    for place, span in enumerate(spans):
        level = span.block.level
        if not level:
            body.append(span)
            continue
        if body:
            yield _Section(tuple(path), tuple(lead), tuple(body))
            lead, body = [], []
        while path and path[-1].block.level >= level:
            path.pop()
        following = spans[place + 1] if place + 1 < len(spans) else None
        if following is None or 0 < following.block.level <= level:
            yield _Section(tuple(path), tuple(lead), (span,))
            lead = []
        else:
            path.append(span)
            lead.append(span)
    if body:
        yield _Section(tuple(path), tuple(lead), tuple(body))


def _units(span: Span, size: int, tokens: Tokens, budget: int) -> Iterator[_Unit]:
    """The block if it fits, else its lines or sentences, else parts of those."""
    block = span.block
    header, taken = ("", 0) if block.header else _header(span, tokens, budget)
    if size + taken <= budget:
        yield _Unit(span.start, span.end, size, block.page, block.kind == "term", header, taken, block.rows)
        return
    yield from _cut(span, _SENTENCE if block.kind == "paragraph" else _LINE, tokens, budget)


def _sentences(span: Span, tokens: Tokens, budget: int) -> Iterator[_Unit]:
    """Each sentence of a paragraph; each line of anything else."""
    yield from _cut(span, _SENTENCE if span.block.kind == "paragraph" else _LINE, tokens, budget)


def _cut(span: Span, pattern: re.Pattern[str], tokens: Tokens, budget: int) -> Iterator[_Unit]:
    """What `pattern` finds, cut further where it is too long for `budget`."""
    block = span.block
    header, taken = _header(span, tokens, budget)
    pieces = [match.span() for match in pattern.finditer(block.text)]
    counts = tokens.count([block.text[start:end] for start, end in pieces])
    for place, ((start, end), count) in enumerate(zip(pieces, counts, strict=True)):
        row = place - block.header
        rows = (
            (block.rows[row],) if 0 <= row < len(block.rows) and len(pieces) == block.header + len(block.rows) else ()
        )
        above, cost = ("", 0) if row < 0 else (header, taken)
        if count + cost <= budget:
            yield _Unit(span.start + start, span.start + end, count, block.page, False, above, cost, rows)
            continue
        parts = [(start + first, start + last) for first, last in tokens.split(block.text[start:end], budget - cost)]
        sizes = tokens.count([block.text[first:last] for first, last in parts])
        for (first, last), part in zip(parts, sizes, strict=True):
            yield _Unit(span.start + first, span.start + last, part, block.page, False, above, cost, rows)


def _header(span: Span, tokens: Tokens, budget: int) -> tuple[str, int]:
    """What is repeated above rows that are cut off, and its tokens; nothing if it would leave them little room."""
    (count,) = tokens.count([span.header]) if span.header else (0,)
    return (span.header, count) if count * HEADER_SHARE <= budget else ("", 0)


def _pack(units: Iterable[_Unit], budget: int) -> Iterator[list[_Unit]]:
    """Units put together while they fit and lie on one page; a term goes with what it introduces."""
    group: list[_Unit] = []
    total = 0
    for unit in units:
        if group and (total + unit.tokens > budget or unit.page != group[-1].page):
            last = group[-1]
            carried = [last] if len(group) > 1 and last.term and last.tokens + unit.tokens <= budget else []
            yield group[: len(group) - len(carried)]
            group, total = carried, sum(unit.tokens for unit in carried)
        total += unit.tokens + (0 if group else unit.header_tokens)
        group.append(unit)
    if group:
        yield group


def _windowed(units: Sequence[_Unit], budget: int, options: ChunkOptions) -> Iterator[list[_Unit]]:
    """Runs of so many sentences as asked for and as fit, on one page; each begins with the last of the one before."""
    start = 0
    while start < len(units):
        end, total = start, units[start].header_tokens
        while end < len(units) and end - start < max(1, options.sentences):
            unit = units[end]
            if end > start and (total + unit.tokens > budget or unit.page != units[start].page):
                break
            total += unit.tokens
            end += 1
        yield list(units[start:end])
        if end == len(units):
            return
        turns = units[end].page != units[end - 1].page
        start = end if turns else max(end - options.sentence_overlap, start + 1)


def _merge_small(drafts: Sequence[_Draft], sizes: dict[Span, int], budget: int, small: int) -> list[_Draft]:
    """A passage too small to stand alone goes with the next; the headings between them become part of the text.

    No further than that: a glossary must not become one passage about everything.
    """
    merged: list[_Draft] = []
    for draft in drafts:
        if merged and merged[-1].tokens < small:
            both = _joined(merged[-1], draft, sizes)
            if both is not None and both.tokens <= budget:
                merged[-1] = both
                continue
        merged.append(draft)
    return merged


def _joined(first: _Draft, second: _Draft, sizes: dict[Span, int]) -> _Draft | None:
    """One draft of two; the headings that they do not share are units of it.

    None if a heading would be lost: one that does not stand right before the first cannot become part of its text.
    """
    shared = 0
    for one, other in zip(first.path, second.path, strict=False):
        if one is not other:
            break
        shared += 1
    own = (*first.path[shared:], *second.path[shared:])
    if any(span not in first.lead and span not in second.lead for span in own):
        return None
    headings = [_Unit(span.start, span.end, sizes[span], span.block.page) for span in own]
    units = sorted((*headings, *first.units, *second.units), key=_start)
    lead = tuple(span for span in first.lead if span not in own)
    return _Draft(tuple(units), first.path[:shared], lead)


def _start(unit: _Unit) -> int:
    return unit.start


def _with_previous(drafts: Sequence[_Draft]) -> Iterator[tuple[_Draft | None, _Draft]]:
    before: _Draft | None = None
    for draft in drafts:
        yield before, draft
        before = draft


def _passage(
    document: Document, draft: _Draft, before: _Draft | None, tokens: Tokens, options: ChunkOptions
) -> Passage:
    start, end = draft.units[0].start, draft.units[-1].end
    if options.overlap and before is not None and (before.path == draft.path or options.strategy == "static"):
        start = _overlapped(document, before, start, tokens, options.overlap)
    text = document.text[start:end]
    header = draft.units[0].header
    lead = f"{header}\n" if header and header not in text else ""
    text = lead + text
    (count,) = tokens.count([text])
    rows = [row for unit in draft.units for row in unit.rows]
    context = _context(document, draft.path, options)
    return Passage(
        text=text,
        start=start,
        end=end,
        headings=_headings(document, draft.path),
        page=draft.units[0].page,
        page_end=draft.units[-1].page,
        tokens=count,
        lead=len(lead),
        rows=(min(rows), max(rows)) if rows else None,
        windows=tuple(windows_of(text, count, context, tokens, options.window)),
    )


def _overlapped(document: Document, before: _Draft, start: int, tokens: Tokens, overlap: int) -> int:
    """The start moved back over the last whole sentences of the passage before, as many as the overlap has room for."""
    begin = before.units[0].start
    tail = tokens.split(document.text[begin:start], overlap)
    if len(tail) < 2:
        return start
    return begin + tail[-1][0]


def _headings(document: Document, path: Sequence[Span]) -> tuple[str, ...]:
    """The headings above a passage; one that only repeats the document's title says nothing more."""
    texts = tuple(span.block.text for span in path)
    return texts[1:] if texts and texts[0] == document.title else texts


def _context(document: Document, path: Sequence[Span], options: ChunkOptions) -> str:
    if not options.context:
        return ""
    return " › ".join((document.title, *_headings(document, path)))


def _budget(document: Document, path: Sequence[Span], tokens: Tokens, options: ChunkOptions) -> int:
    """Tokens for the passage's own text beside its context and the model's special tokens."""
    (context,) = tokens.count([_context(document, path, options)])
    return options.size - tokens.special - min(context, options.window // CONTEXT_SHARE) - options.overlap
