"""Word: styles make headings and lists, tables become rows, tracked changes read as accepted."""

import io

import docx
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from fakes import documents
from ingestion.extract.docx import extract
from unit.ingestion.outline import outline


def saved(document: docx.document.Document) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def test_styles() -> None:
    data = documents.word(
        ("Title", "Marina handbook"),
        ("Heading 1", "Arrival"),
        ("Normal", "Call the office on channel 12."),
        ("List Bullet", "Fenders out"),
        ("List Number", "Lines ready"),
        ("Heading 2", "At night"),
        ("Normal", "The gate closes at ten."),
    )
    document = extract(data)
    assert document.title == "Marina handbook"
    assert outline(document) == [
        "heading1: Marina handbook",
        "heading1: Arrival",
        "paragraph: Call the office on channel 12.",
        "list: - Fenders out",
        "list: - Lines ready",
        "heading2: At night",
        "paragraph: The gate closes at ten.",
    ]


def test_tables_are_rows_in_their_place() -> None:
    word = docx.Document()
    word.add_paragraph("Before.")
    table = word.add_table(rows=2, cols=2)
    for cell, text in zip(
        (cell for row in table.rows for cell in row.cells), ["Berth", "Depth", "A1", "3 m"], strict=True
    ):
        cell.text = text
    word.add_paragraph("After.")
    assert outline(extract(saved(word))) == [
        "paragraph: Before.",
        "table: Berth | Depth\nA1 | 3 m",
        "paragraph: After.",
    ]


def test_tracked_changes_links_and_breaks() -> None:
    word = docx.Document()
    xml = f"""<w:p {nsdecls("w")}><w:r><w:t>Two</w:t></w:r>
    <w:ins w:id="1" w:author="a"><w:r><w:t xml:space="preserve"> new</w:t></w:r></w:ins>
    <w:del w:id="2" w:author="a"><w:r><w:delText> old</w:delText></w:r></w:del>
    <w:hyperlink><w:r><w:t xml:space="preserve"> lines</w:t></w:r></w:hyperlink>
    <w:r><w:br/><w:t>below</w:t></w:r></w:p>"""
    word.element.body.insert(0, parse_xml(xml))
    assert outline(extract(saved(word))) == ["paragraph: Two new lines\nbelow"]


def test_pages_follow_the_last_rendering() -> None:
    word = docx.Document()
    for text in ("One.", "Two."):
        paragraph = word.add_paragraph()
        if text == "Two.":
            paragraph._p.append(parse_xml(f"<w:r {nsdecls('w')}><w:lastRenderedPageBreak/><w:t>Two.</w:t></w:r>"))
        else:
            paragraph.add_run(text)
    document = extract(saved(word))
    assert document.pages == 2
    assert outline(document) == ["paragraph p1: One.", "paragraph p2: Two."]


def test_a_table_of_contents_is_left_out() -> None:
    word = docx.Document()
    word.styles.add_style("TOC1", 1)
    word.add_paragraph("Arrival 3", style="TOC1")
    word.add_paragraph("Text.")
    assert outline(extract(saved(word))) == ["paragraph: Text."]
