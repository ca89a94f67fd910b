"""Small Office files, e-mails and e-books, made by the libraries themselves where there is one."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from typing import Any

from openpyxl import Workbook
from pptx import Presentation
from pptx.util import Inches


def workbook(sheets: Mapping[str, Sequence[Sequence[Any]]], *, hidden: Sequence[str] = (), title: str = "") -> bytes:
    """A workbook with these rows on its sheets."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        if name in hidden:
            sheet.sheet_state = "hidden"
    book.properties.title = title
    return saved(book)


def saved(document: Any) -> bytes:
    """The bytes that a library writes."""
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def slides(*contents: tuple[str, Sequence[str]], notes: str = "", table: Sequence[Sequence[str]] = ()) -> bytes:
    """A presentation of (title, bullets) slides; the notes and the table are on the last one."""
    deck = Presentation()
    slide: Any = None
    for title, bullets in contents:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text_frame.text = "\n".join(bullets)
    if notes:
        slide.notes_slide.notes_text_frame.text = notes
    if table:
        shape = slide.shapes.add_table(len(table), len(table[0]), Inches(1), Inches(4), Inches(6), Inches(1))
        for number, row in enumerate(table):
            for column, text in enumerate(row):
                shape.table.cell(number, column).text = text
    return saved(deck)


def mail(
    text: str, *, subject: str = "Berth 7", html: str | None = None, attachments: Sequence[tuple[str, bytes]] = ()
) -> bytes:
    """A message as a mail program saves it."""
    message = EmailMessage()
    message["From"], message["To"] = "Ada Lovelace <ada@quay.example>", "harbour@quay.example"
    message["Subject"], message["Date"] = subject, "Fri, 31 May 2024 09:30:00 +0200"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    for name, data in attachments:
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


_CONTAINER = """<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">
<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""


def book(chapters: Sequence[str], *, extra: Mapping[str, str] | None = None, opf_start: str = "") -> bytes:
    """An e-book whose chapters are these pieces of HTML; the parts are listed in another order than they are read."""
    items = "".join(
        f'<item id="c{n}" href="text/c%20{n}.xhtml" media-type="application/xhtml+xml"/>'
        for n in reversed(range(len(chapters)))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    package = f"""<?xml version="1.0"?>{opf_start}<package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Tides</dc:title><dc:creator>R. Bligh</dc:creator>
<dc:date>1789-04-28</dc:date><dc:description>All about tides.</dc:description></metadata>
<manifest>{items}</manifest><spine>{spine}</spine></package>"""
    parts = {"mimetype": "application/epub+zip", "META-INF/container.xml": _CONTAINER, "OEBPS/book.opf": package}
    for number, chapter in enumerate(chapters):
        page = f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head/><body>{chapter}</body></html>'
        parts[f"OEBPS/text/c {number}.xhtml"] = page
    return packed(parts | dict(extra or {}))


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """A compressed archive of these parts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return buffer.getvalue()


def changed(data: bytes, parts: Mapping[str, str | bytes]) -> bytes:
    """The archive in `data` with some of its parts replaced or added."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        return packed({name: source.read(name) for name in source.namelist()} | dict(parts))
