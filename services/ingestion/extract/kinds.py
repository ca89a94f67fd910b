"""Tells the kind of a file by its content; the name decides only between kinds of text."""

import re
from pathlib import PurePath

from common.document_kinds import BY_SUFFIX, SUFFIXES, Kind, in_words
from ingestion.extract import archive
from ingestion.failures import FileFailure, Reason, empty, encrypted

__all__ = ["SUFFIXES", "Kind", "kind_of"]

# The part that makes an archive what it is.
_MAIN_PARTS: dict[str, Kind] = {
    "word/document.xml": "docx",
    "ppt/presentation.xml": "pptx",
    "xl/workbook.xml": "xlsx",
    "META-INF/container.xml": "epub",
}
_BY_NAME_ONLY: frozenset[Kind] = frozenset({"markdown", "csv", "json", "jsonl", "eml"})
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# An encrypted OOXML document is an OLE container with this stream, named in UTF-16.
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_HTML_START = re.compile(
    rb"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_HTML_TAG = re.compile(rb"<(?:p|div|span|table|h[1-6]|ul|li|a|br)\b[^<>]*>", re.I)
HEAD_BYTES = 4096


def kind_of(data: bytes, filename: str) -> Kind:
    """The kind of a file; raises FileFailure when it is empty, encrypted, corrupt or none that we read."""
    if not data.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise empty()
    head = data[:HEAD_BYTES]
    # Viewers accept junk before the header of a PDF, so its first kilobyte is searched.
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(data)
    if head.startswith(b"PK\x05\x06"):
        raise empty()
    if head.startswith(_OLE):
        raise (
            encrypted("document")
            if _ENCRYPTED_PACKAGE in data
            else _unsupported("an older Office format (.doc, .xls, .ppt)")
        )
    if _is_binary(head):
        raise _unsupported("binary data")
    return _text_kind(head, PurePath(filename).suffix.lower())


def _text_kind(head: bytes, suffix: str) -> Kind:
    if head.startswith((b"{\\rtf", b"%!PS")):
        raise _unsupported("RTF or PostScript")
    if _HTML_START.match(head.lstrip(b"\xef\xbb\xbf").replace(b"\x00", b"")):
        return "html"
    named = BY_SUFFIX.get(suffix)
    if named in _BY_NAME_ONLY:
        return named
    return "html" if named == "html" and _HTML_TAG.search(head) else "text"


def _zip_kind(data: bytes) -> Kind:
    with archive.opened(data, "a ZIP-based document (Office or EPUB)") as opened:
        names = set(opened.namelist())
        types = opened.read("[Content_Types].xml")[:65536] if "[Content_Types].xml" in names else b""
    for part, kind in _MAIN_PARTS.items():
        if part in names and (types or kind == "epub"):
            if kind == "docx" and b"ms-word.document.macroEnabled" in types:
                raise _unsupported("a Word document with macros (.docm): save it as .docx")
            return kind
    if "xl/workbook.bin" in names:
        raise _unsupported("a binary Excel workbook (.xlsb): save it as .xlsx")
    raise _unsupported("an archive or an Office format of another kind")


def _is_binary(head: bytes) -> bool:
    """Text has no NUL (save UTF-16 and UTF-32) and hardly any other control characters."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return False
    nul = head.count(0)
    if nul:
        # UTF-16 of Western text: the zeros all stand on even or all on odd places.
        one_sided = min(head[0::2].count(0), head[1::2].count(0)) < len(head) // 40
        return not (one_sided and nul > len(head) // 5)
    controls = len(head) - len(head.translate(None, bytes(c for c in range(32) if c not in b"\t\n\r\f\x1b\x08")))
    return controls > len(head) // 50


def _unsupported(what: str) -> FileFailure:
    return FileFailure(Reason.UNSUPPORTED, f"The file is {what}, which is not supported. Supported: {in_words()}.")
