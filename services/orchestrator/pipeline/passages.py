"""Passages: the chunks that reached the prompt, numbered from 1 as the model sees them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.span import Document
from orchestrator.pipeline.sections import Section
from vector_store.models import Hit


@dataclass(frozen=True)
class Passage:
    """One retrieved chunk. `score` is calibrated: in [0, 1], independent of the other hits."""

    number: int
    chunk_id: str
    file_id: str
    filename: str
    text: str
    score: float
    title: str | None = None
    page: int | None = None
    store_id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    pages: tuple[tuple[int, int], ...] = ()
    """Where a text of several pages goes on to the next: (offset, page), in order."""

    def page_of(self, quote: str) -> int | None:
        """The page on which a part of the text begins."""
        at = self.text.find(quote) if quote and self.pages else -1
        reached = [page for offset, page in self.pages if offset <= at]
        return reached[-1] if reached else self.page

    def as_document(self) -> Document:
        """The passage as traces show it."""
        metadata = {"filename": self.filename, "title": self.title, "vector_store_id": self.store_id}
        return Document(self.chunk_id, self.text, self.score, self.file_id, self.page, metadata)


def fitting(hits: Iterable[Hit], longest_chars: int) -> tuple[Passage, ...]:
    """The hits as passages, the best first, as many as fit whole; the first is cut rather than left out."""
    return fitting_sections(map(Section, hits), longest_chars)


def fitting_sections(sections: Iterable[Section], longest_chars: int) -> tuple[Passage, ...]:
    """The same of hits that were read together with their sections."""
    passages: list[Passage] = []
    room = longest_chars
    for section in sections:
        hit, text = section.hit, section.hit.chunk.text
        if len(text) > room:
            if passages:
                break
            text = text[:room]
        room -= len(text)
        passages.append(
            Passage(
                number=len(passages) + 1,
                chunk_id=hit.chunk.id,
                file_id=hit.chunk.file_id,
                filename=hit.filename,
                text=text,
                score=hit.score,
                title=hit.chunk.title or None,
                page=hit.chunk.page,
                store_id=hit.store_id,
                attributes=hit.attributes,
                pages=section.pages,
            )
        )
    return tuple(passages)
