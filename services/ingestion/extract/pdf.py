"""PDF → blocks by the text layer: paragraphs rejoined over lines and pages, headings from bookmarks or type size."""

from collections.abc import Mapping

import pypdfium2 as pdfium
from pypdfium2 import raw

from ingestion.document import Document, assemble
from ingestion.extract.pdf_headings import LARGER, Bookmark, heading_levels
from ingestion.extract.pdf_layout import blocks_of, without_furniture
from ingestion.extract.pdf_lines import Line, lines_of
from ingestion.extract.properties import known
from ingestion.failures import corrupt, encrypted, no_text

# What writing programs leave in the title field when the author gave none.
_NO_TITLES = ("untitled", "microsoft word - ", "microsoft powerpoint - ", "print", "title")


def extract(data: bytes) -> Document:
    """The document in a PDF; raises FileFailure when it is encrypted, damaged or holds no text."""
    pdf = _open(data)
    try:
        count = len(pdf)
        pages = [_page_lines(pdf, number) for number in range(1, count + 1)]
        bookmarks = _bookmarks(pdf)
        said = pdf.get_metadata_dict()
        title = _title(said)
    finally:
        pdf.close()
    pages = without_furniture(pages)
    if not any(pages):
        raise no_text("PDF")
    blocks = blocks_of(pages, heading_levels(pages, bookmarks))
    about = known(description=said.get("Subject"), author=said.get("Author"), date=said.get("CreationDate"))
    return assemble(blocks, title=title or _largest_on_first_page(pages), pages=count, about=about)


def _open(data: bytes) -> pdfium.PdfDocument:
    try:
        pdf = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) == raw.FPDF_ERR_PASSWORD or "password" in str(error).lower():
            raise encrypted("PDF") from None
        raise corrupt("PDF") from None
    if len(pdf) == 0:
        pdf.close()
        raise corrupt("PDF")
    return pdf


def _page_lines(pdf: pdfium.PdfDocument, number: int) -> list[Line]:
    try:
        page = pdf[number - 1]
        text = page.get_textpage()
    except pdfium.PdfiumError:
        raise corrupt(f"PDF (page {number} of {len(pdf)} is broken)") from None
    try:
        return lines_of(text, number, page.get_width(), page.get_height())
    finally:
        text.close()
        page.close()


def _bookmarks(pdf: pdfium.PdfDocument) -> list[Bookmark]:
    found: list[Bookmark] = []
    try:
        for entry in pdf.get_toc(max_depth=8):
            target = entry.get_dest()
            index = target.get_index() if target is not None else None
            if index is not None:
                found.append(Bookmark(entry.get_title() or "", entry.level + 1, index + 1))
    except pdfium.PdfiumError:
        # A broken outline costs the bookmarks, not the text.
        return []
    return found


def _title(said: Mapping[str, str]) -> str:
    title = " ".join(said.get("Title", "").split())
    bare = title.lower()
    if (
        len(title) < 3
        or bare.startswith(_NO_TITLES)
        or bare.endswith((".doc", ".docx", ".tex", ".dvi", ".indd", ".qxd"))
    ):
        return ""
    return title


def _largest_on_first_page(pages: list[list[Line]]) -> str:
    """What stands in the largest type on the first page that has text, if it is clearly larger, once and together."""
    first = next(page for page in pages if page)
    sizes = sorted(line.size for page in pages[:20] for line in page)
    largest = max(line.size for line in first)
    places = [place for place, line in enumerate(first) if line.size > largest * 0.95]
    if largest < sizes[len(sizes) // 2] * LARGER * LARGER or places[-1] - places[0] >= len(places):
        return ""
    return " ".join(first[place].text for place in places)
