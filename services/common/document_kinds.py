"""The kinds of document that can be read: one list for extraction, for the folders that are searched, and for pages."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "markdown", "html", "pdf", "docx", "pptx", "xlsx", "csv", "json", "jsonl", "eml", "epub"]


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """A kind, what people call it, and the endings that names of such files have."""

    kind: Kind
    label: str
    suffixes: tuple[str, ...]


KINDS: tuple[DocumentKind, ...] = (
    DocumentKind("text", "Text", (".txt", ".text")),
    DocumentKind("markdown", "Markdown", (".md", ".markdown", ".mdown", ".mkd")),
    DocumentKind("html", "HTML", (".html", ".htm", ".xhtml")),
    DocumentKind("pdf", "PDF", (".pdf",)),
    DocumentKind("docx", "Word (.docx)", (".docx",)),
    DocumentKind("pptx", "PowerPoint (.pptx)", (".pptx",)),
    DocumentKind("xlsx", "Excel (.xlsx)", (".xlsx", ".xlsm")),
    DocumentKind("csv", "CSV", (".csv", ".tsv")),
    DocumentKind("json", "JSON", (".json",)),
    DocumentKind("jsonl", "JSON lines", (".jsonl", ".ndjson")),
    DocumentKind("eml", "e-mail (.eml)", (".eml",)),
    DocumentKind("epub", "EPUB", (".epub",)),
)

SUFFIXES = frozenset(suffix for kind in KINDS for suffix in kind.suffixes)
"""What a folder is searched for."""

BY_SUFFIX = {suffix: kind.kind for kind in KINDS for suffix in kind.suffixes}


def in_words() -> str:
    """`Text, Markdown, … and EPUB`."""
    labels = [kind.label for kind in KINDS]
    return f"{', '.join(labels[:-1])} and {labels[-1]}"
