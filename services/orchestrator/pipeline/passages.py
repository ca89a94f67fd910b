"""Passages: the chunks that reached the prompt, numbered from 1 as the model sees them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

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

    def as_document(self) -> dict[str, Any]:
        """The passage as traces show it."""
        metadata = {
            "rank": self.number,
            "filename": self.filename,
            "page": self.page,
            "title": self.title,
            "file_id": self.file_id,
            "vector_store_id": self.store_id,
        }
        return {"id": self.chunk_id, "content": self.text, "score": self.score, "metadata": metadata}


def fitting(hits: Iterable[Hit], longest_chars: int) -> tuple[Passage, ...]:
    """The hits as passages, the best first, as many as fit whole; the first is cut rather than left out."""
    passages: list[Passage] = []
    room = longest_chars
    for hit in hits:
        text = hit.chunk.text
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
            )
        )
    return tuple(passages)
