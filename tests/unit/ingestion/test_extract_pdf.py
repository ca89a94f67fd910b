"""PDF: pages, paragraphs over line and page ends, headings, rows, no running heads."""

import io

from reportlab.lib.pagesizes import A5
from reportlab.pdfgen.canvas import Canvas

from fakes import documents
from ingestion.extract.pdf import extract
from unit.ingestion.outline import outline

FULL = "Every line is inspected for chafe before the boat is left alone, and"


def test_wrapped_lines_are_joined_and_short_ones_are_not() -> None:
    data = documents.pdf([[FULL, f"{FULL} lines", "is replaced when needed.", "Harbour office", "Quay 3"]])
    assert outline(extract(data)) == [
        f"paragraph p1: {FULL} {FULL} lines is replaced when needed.\nHarbour office\nQuay 3"
    ]


def test_words_cut_at_a_line_end_are_mended() -> None:
    data = documents.pdf(
        [[f"{FULL} the main-", "tenance of lines. Some lines are twelve-", "strand. Maintenance is twelve-strand."]]
    )
    text = extract(data).text
    assert "the maintenance of lines" in text and "are twelve-strand." in text


def test_pages_are_counted_and_a_paragraph_goes_on_over_them() -> None:
    data = documents.pdf([[f"{FULL} it", "is then"], ["dried in the shade.", "", "", "A new one."]])
    document = extract(data)
    assert document.pages == 2
    assert outline(document) == [
        f"paragraph p1: {FULL} it is then dried in the shade.",
        "paragraph p2: A new one.",
    ]


def test_running_heads_and_page_numbers_are_left_out() -> None:
    pages = []
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A5)
    for number in range(1, 6):
        canvas.setFont("Helvetica", 8)
        canvas.drawString(40, 575, f"Maintenance manual · Section {number}")
        canvas.drawString(200, 20, f"{number + 10}")
        canvas.setFont("Helvetica", 10)
        canvas.drawString(40, 400, f"Text of page {'abcde'[number - 1]}.")
        canvas.showPage()
        pages.append(f"paragraph p{number}: Text of page {'abcde'[number - 1]}.")
    canvas.save()
    assert outline(extract(buffer.getvalue())) == pages


def test_larger_type_is_a_heading_and_the_title() -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A5)
    for y, size, font, text in [
        (550, 20, "Helvetica-Bold", "Windlass manual"),
        (500, 14, "Helvetica-Bold", "1 Safety"),
        (480, 10, "Helvetica", "Keep hands away from the gypsy while the chain runs."),
        (440, 14, "Helvetica-Bold", "2 Service"),
        (420, 10, "Helvetica", "Change the gear oil every two years or after flooding."),
    ]:
        canvas.setFont(font, size)
        canvas.drawString(40, y, text)
    canvas.save()
    document = extract(buffer.getvalue())
    assert document.title == "Windlass manual"
    assert [line.split(":")[0] for line in outline(document)] == [
        "heading1 p1",
        "heading2 p1",
        "paragraph p1",
        "heading2 p1",
        "paragraph p1",
    ]


def test_bookmarks_are_headings_with_their_levels() -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A5)
    for number, (title, level) in enumerate([("Mooring", 0), ("Spring lines", 1)]):
        canvas.bookmarkPage(title)
        canvas.addOutlineEntry(title, title, level)
        canvas.setFont("Helvetica", 10)
        canvas.drawString(40, 500, f"{number + 1}. {title}")
        canvas.drawString(40, 470, "Text below the heading, in the same type.")
        canvas.showPage()
    canvas.save()
    assert outline(extract(buffer.getvalue())) == [
        "heading1 p1: 1. Mooring",
        "paragraph p1: Text below the heading, in the same type.",
        "heading2 p2: 2. Spring lines",
        "paragraph p2: Text below the heading, in the same type.",
    ]


def test_wide_gaps_make_rows() -> None:
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A5)
    canvas.setFont("Helvetica", 10)
    for number, (length, price) in enumerate([("Length", "Price"), ("up to 8 m", "18.50"), ("up to 10 m", "24.00")]):
        text = canvas.beginText(40, 500 - 14 * number)
        text.textOut(length)
        text.setTextOrigin(200, 500 - 14 * number)
        text.textOut(price)
        canvas.drawText(text)
    canvas.save()
    assert outline(extract(buffer.getvalue())) == ["table p1: Length | Price\nup to 8 m | 18.50\nup to 10 m | 24.00"]


def test_the_title_field_is_taken_unless_it_says_nothing() -> None:
    assert extract(documents.pdf([["Text."]], title="Price list 2024")).title == "Price list 2024"
    assert extract(documents.pdf([["Text."]], title="untitled")).title == ""
