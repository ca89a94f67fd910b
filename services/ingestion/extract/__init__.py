"""A file's bytes → its document, whatever the kind; a new kind is one module here with one `extract(data)`."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePath

from ingestion.document import Document
from ingestion.extract import csv, docx, eml, epub, html, json, markdown, pdf, plain, pptx, xlsx
from ingestion.extract.kinds import Kind, kind_of
from ingestion.failures import empty, no_text

_EXTRACTORS: Mapping[Kind, Callable[[bytes], Document]] = {
    "text": plain.extract,
    "markdown": markdown.extract,
    "html": html.extract,
    "pdf": pdf.extract,
    "docx": docx.extract,
    "pptx": pptx.extract,
    "xlsx": xlsx.extract,
    "csv": csv.extract,
    "json": json.extract,
    "jsonl": json.extract_lines,
    "eml": lambda data: eml.extract(data, _attachment),
    "epub": epub.extract,
}
# Kinds that may be pictures only.
_MAY_BE_PICTURES: frozenset[Kind] = frozenset({"pdf", "docx", "pptx", "epub"})


def extract(data: bytes, filename: str) -> Document:
    """The document in a file; raises FileFailure with the reason when there is none.

    Parses untrusted input with native code: in production it runs in `ingestion.sandbox` only.
    """
    kind = kind_of(data, filename)
    document = _EXTRACTORS[kind](data)
    if not document.spans:
        raise no_text("document") if kind in _MAY_BE_PICTURES else empty()
    return document if document.title else replace(document, title=_title_from(filename))


def _attachment(data: bytes, filename: str) -> Document:
    """A document inside an e-mail; attachments of an attached e-mail are not opened."""
    kind = kind_of(data, filename)
    return eml.extract(data) if kind == "eml" else extract(data, filename)


def _title_from(filename: str) -> str:
    """`harbour_rules-2024.txt` → `harbour rules-2024`."""
    return PurePath(filename.replace("\\", "/")).stem.replace("_", " ").strip()
