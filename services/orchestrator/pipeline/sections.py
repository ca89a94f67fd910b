"""Passages read with what stands around them in their section: small to be found, large enough to be understood."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from vector_store.engine import ChunkStore
from vector_store.errors import NotFoundError
from vector_store.models import Hit, Scope, StoredChunk

# Chunks on each side that are looked at: more than fill the longest section that a prompt has room for.
REACH = 24


@dataclass(frozen=True)
class Section:
    """A hit with the text around it, and on which page each part of that text begins: (offset, page)."""

    hit: Hit
    pages: tuple[tuple[int, int], ...] = ()


async def sections(
    chunks: ChunkStore, scope: Scope, hits: Sequence[Hit], longest_chars: int, room_chars: int
) -> list[Section]:
    """The hits, each with as much of its section as `longest_chars` and what the others leave of `room_chars` allow.

    No text comes twice: a hit that lies in the section of a better one is left out.
    """
    spare = room_chars - sum(len(hit.chunk.text) for hit in hits)
    taken: set[tuple[str, str, int]] = set()
    found: list[Section] = []
    for hit in hits:
        own = len(hit.chunk.text)
        if _place(hit.store_id, hit.chunk) in taken:
            spare += own
            continue
        around = await _around(chunks, scope, hit)
        free = [chunk for chunk in around if _place(hit.store_id, chunk) not in taken]
        run = _grown(free, hit.chunk, min(longest_chars, own + max(0, spare)))
        taken.update(_place(hit.store_id, chunk) for chunk in run)
        text, pages = _joined(run)
        spare -= max(0, len(text) - own)
        found.append(Section(replace(hit, chunk=replace(hit.chunk, text=text)), pages))
    return found


def _place(store_id: str, chunk: StoredChunk) -> tuple[str, str, int]:
    return store_id, chunk.file_id, chunk.position


async def _around(chunks: ChunkStore, scope: Scope, hit: Hit) -> list[StoredChunk]:
    """The neighbours with the hit itself; it alone when its file was replaced or removed since it was found."""
    at = hit.chunk.position
    try:
        read = await chunks.read(scope, hit.store_id, hit.chunk.file_id, first=max(0, at - REACH), last=at + REACH)
    except NotFoundError:
        return [hit.chunk]
    return read if any(chunk.id == hit.chunk.id for chunk in read) else [hit.chunk]


def _grown(around: Sequence[StoredChunk], core: StoredChunk, longest: int) -> list[StoredChunk]:
    """The neighbours under the same headings, taken after and before it in turn until the next one has no room."""
    by_position = {chunk.position: chunk for chunk in around}
    first = last = core.position
    size = len(core.text)
    open_ends = {1, -1}
    while open_ends:
        for step in sorted(open_ends, reverse=True):
            chunk = by_position.get(last + 1 if step > 0 else first - 1)
            if chunk is None or chunk.headings != core.headings or size + len(chunk.text) + 2 > longest:
                open_ends.discard(step)
                continue
            size += len(chunk.text) + 2
            first, last = (first, last + 1) if step > 0 else (first - 1, last)
    return [by_position[position] for position in range(first, last + 1)]


def _joined(run: Sequence[StoredChunk]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The text of neighbours, once where they overlap and without the column names that were repeated in between."""
    text = ""
    end = 0
    pages: list[tuple[int, int]] = []
    for chunk in run:
        start = chunk.metadata.get("start")
        if text and isinstance(start, int):
            own = chunk.text[int(chunk.metadata.get("lead", 0)) :]
            piece = own[end - start :] if start < end else own
            # Rows go on in the next line, paragraphs after a blank one.
            gap = "" if start < end else "\n" if chunk.metadata.get("lead") else "\n\n"
        else:
            piece, gap = chunk.text, "\n\n" if text else ""
        if chunk.page is not None and piece:
            pages.append((len(text) + len(gap), chunk.page))
        text += gap + piece
        end = max(end, int(chunk.metadata.get("end", 0)))
    return text, tuple(pages)
