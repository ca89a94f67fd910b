"""Small documents of every kind, good and bad, made in memory."""

import io
import zipfile
from collections.abc import Sequence

import docx
from reportlab.lib.pagesizes import A5
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

_WORD = b"""<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="http://schemas.openxmlformats.org/\
wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>"""
_WORD_END = b"</w:t></w:r></w:p></w:body></w:document>"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def pdf(pages: Sequence[Sequence[str]], *, password: str | None = None, title: str = "") -> bytes:
    """A PDF with the given lines on its pages, 14 points apart."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A5, encrypt=StandardEncryption(password) if password else None)
    canvas.setTitle(title)
    for lines in pages:
        canvas.setFont("Helvetica", 10)
        for number, line in enumerate(lines):
            canvas.drawString(40, 560 - 14 * number, line)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def scan_pdf() -> bytes:
    """A page with lines drawn on it and no text."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A5)
    canvas.rect(40, 40, 200, 300, fill=1)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def word(*paragraphs: tuple[str, str]) -> bytes:
    """A Word document of (style, text) paragraphs."""
    document = docx.Document()
    for style, text in paragraphs:
        document.add_paragraph(text, style=style)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def word_with_body(xml: bytes) -> bytes:
    """A Word document whose text is `xml` in one paragraph, compressed as well as can be."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(word(("Normal", "x")))) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target,
    ):
        for name in source.namelist():
            content = _WORD + xml + _WORD_END if name == "word/document.xml" else source.read(name)
            target.writestr(name, content)
    return buffer.getvalue()


def zip_bomb(unpacked: int) -> bytes:
    """A small Word document that unpacks to `unpacked` bytes."""
    return word_with_body(b"a" * unpacked)


def encrypted_word() -> bytes:
    """What Word writes for a document with a password: an OLE container around the encrypted package."""
    return OLE + bytes(512) + "EncryptedPackage".encode("utf-16-le") + bytes(512)


def archive(**files: bytes) -> bytes:
    """A ZIP file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return buffer.getvalue()
