"""A file's passages as they are stored: each with its place, and with the words that its file is known by."""

from collections.abc import Sequence
from typing import Any

from ingestion.chunk import Passage
from ingestion.embed import Vectors
from ingestion.prepare import Prepared
from vector_store.models import Chunk, File
from vector_store.words import name_words


def chunks_of(file: File, prepared: Prepared, vectors: Sequence[Vectors]) -> list[Chunk]:
    """The chunks in the order of the text.

    The first one carries what is known of the file as a whole, and is found by it: name, description, author, date,
    address. The others are found by their author as well: `what did she write about fees` means those passages.
    """
    document = about(file, prepared)
    author = prepared.about.get("author", "")
    chunks: list[Chunk] = []
    for passage, rows in zip(prepared.passages, vectors, strict=True):
        metadata = _place(passage)
        words = author
        if not chunks:
            metadata["document"] = document
            words = " ".join(part for part in (name_words(_name(file)), *prepared.about.values()) if part)
        if words:
            metadata["words"] = words
        chunks.append(
            Chunk(
                text=passage.text,
                vectors=rows,
                title=prepared.title,
                headings=passage.headings,
                page=passage.page,
                page_end=passage.page_end,
                tokens=passage.tokens,
                metadata=metadata,
            )
        )
    return chunks


def about(file: File, prepared: Prepared) -> dict[str, Any]:
    """What was found out about the file as a whole."""
    facts: dict[str, Any] = {
        "language": prepared.language or None,
        "pages": prepared.pages,
        "removed": prepared.removed,
    }
    return facts | prepared.about


def _name(file: File) -> str:
    """The file's name; of a document that came from a source its whole path or address there."""
    return file.source_path or file.filename


def _place(passage: Passage) -> dict[str, Any]:
    place: dict[str, Any] = {"start": passage.start, "end": passage.end}
    if passage.lead:
        place["lead"] = passage.lead
    if passage.rows:
        place["rows"] = list(passage.rows)
    return place
