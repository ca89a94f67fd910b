"""PowerPoint presentations (.pptx) → a section for each visible slide: title, text, tables, and the speaker's notes."""

from collections.abc import Iterator
from typing import Any

from pptx import Presentation
from pptx.exc import PythonPptxError

from ingestion.document import Block, Document, assemble
from ingestion.extract import archive, properties, rows

DEEPEST_GROUP = 20


def extract(data: bytes) -> Document:
    """The document in a presentation; pages are its slides. Macros, pictures and hidden slides are left out."""
    with archive.read_by_library(data, "a PowerPoint presentation", PythonPptxError) as file:
        deck = Presentation(file)
        slides: list[Any] = list(deck.slides)
        blocks = [block for number, slide in enumerate(slides, 1) for block in _slide(slide, number)]
        core = deck.core_properties
        title = core.title if core.title and core.title != "PowerPoint Presentation" else ""
        return assemble(blocks, title=title, pages=len(slides), about=properties.of(core))


def _slide(slide: Any, number: int) -> Iterator[Block]:
    if slide.element.get("show") in {"0", "false"}:
        return
    title = slide.shapes.title
    heading = rows.cell(title.text_frame.text) if title is not None and title.has_text_frame else ""
    yield Block("heading", heading or f"Slide {number}", 2, number)
    for shape in sorted(_flat(slide.shapes), key=_place):
        if title is None or shape.shape_id != title.shape_id:
            yield from _shape(shape, number)
    if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None:
        notes = " ".join(frame.text.split())
        if notes:
            yield Block("paragraph", f"Notes: {notes}", 0, number)


def _flat(shapes: Any, depth: int = 0) -> Iterator[Any]:
    for shape in shapes:
        if hasattr(shape, "shapes"):
            if depth < DEEPEST_GROUP:
                yield from _flat(shape.shapes, depth + 1)
        else:
            yield shape


def _place(shape: Any) -> tuple[int, int]:
    """Top to bottom, then left to right; what inherits its place from the layout comes first, as it was made."""
    return (shape.top or 0, shape.left or 0)


def _shape(shape: Any, page: int) -> Iterator[Block]:
    if getattr(shape, "has_table", False):
        lines = [rows.line([rows.cell(cell.text) for cell in row.cells]) for row in shape.table.rows]
        yield Block("table", "\n".join(line for line in lines if line), 0, page, header=1)
    elif getattr(shape, "has_text_frame", False):
        paragraphs = [(p.level, rows.cell(p.text)) for p in shape.text_frame.paragraphs]
        said = [(level, text) for level, text in paragraphs if text]
        for level, text in said:
            if len(said) > 1 or level:
                yield Block("list", f"{'  ' * level}- {text}", 0, page)
            else:
                yield Block("paragraph", text, 0, page)
