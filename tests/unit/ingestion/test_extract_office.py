"""Presentations, workbooks and e-books: their structure is kept, and what their reader does not see is left out."""

import io
import zipfile
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from pptx import Presentation

from fakes import documents, office
from ingestion.extract import extract
from ingestion.failures import FileFailure, Reason
from unit.ingestion.outline import outline

FEES = [["Berth", "Length", "Fee"], ["East 1", 40, 12.5], ["East 2", 60, 19.9]]
FEES_AS_TEXT = [[str(cell) for cell in row] for row in FEES]
ENTITY = '<!DOCTYPE p [<!ENTITY secret SYSTEM "file:///etc/passwd"><!ENTITY x "xxxxxxxxxx">]>'


def test_slides_are_sections_with_their_numbers() -> None:
    data = office.slides(
        ("Mooring", ["Two lines fore", "Two lines aft"]),
        ("Fees", ["By length"]),
        notes="Say that winter is free.",
        table=[["Length", "Fee"], ["40 m", "12"]],
    )
    document = extract(data, "harbour.pptx")
    assert document.pages == 2
    assert outline(document) == [
        "heading2 p1: Mooring",
        "list p1: - Two lines fore",
        "list p1: - Two lines aft",
        "heading2 p2: Fees",
        "paragraph p2: By length",
        "table p2: Length | Fee\n40 m | 12",
        "paragraph p2: Notes: Say that winter is free.",
    ]
    assert document.spans[5].header == "Length | Fee"


def test_a_hidden_slide_is_left_out_and_the_others_keep_their_numbers() -> None:
    data = office.slides(("Secret", ["Do not say"]), ("Open", ["Say it"]))
    hidden = office.changed(data, {"ppt/slides/slide1.xml": _hidden(data, "ppt/slides/slide1.xml")})
    assert outline(extract(hidden, "x.pptx")) == ["heading2 p2: Open", "paragraph p2: Say it"]


def test_sheets_are_sections_and_rows_keep_their_numbers() -> None:
    data = office.workbook({"Fees": [["Prices of 2024"], [], *FEES], "Empty": [], "Old": FEES}, hidden=["Old"])
    document = extract(data, "fees_2024.xlsx")
    assert outline(document) == [
        "heading2: Fees",
        "paragraph: Prices of 2024",
        "table: Berth | Length | Fee\nEast 1 | 40 | 12.5\nEast 2 | 60 | 19.9",
    ]
    assert document.spans[2].block.rows == (4, 5)
    assert document.title == "fees 2024"


def test_cells_read_as_people_see_them() -> None:
    row = [date(2024, 5, 31), datetime(2024, 5, 31, 9, 30), True, 0.1 + 0.2, "two\nlines", 1e21, 12345678901234]
    document = extract(office.workbook({"Sheet": [list("abcdefg"), row]}), "values.xlsx")
    shown = "2024-05-31 | 2024-05-31 09:30 | TRUE | 0.3 | two lines | 1e+21 | 12345678901234"
    assert document.spans[1].block.text.split("\n")[1] == shown


def test_a_percentage_is_one() -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["Tax", "Rate"])
    sheet.append(["VAT", 0.21])
    sheet["B2"].number_format = "0.00%"
    assert "VAT | 21%" in extract(office.saved(book), "tax.xlsx").text


def test_values_are_read_not_formulas() -> None:
    data = office.workbook({"Sheet": [["a", "b"], ["=1+1", "x"]]})
    assert "=1+1" not in extract(data, "formula.xlsx").text


def test_a_sheet_that_claims_the_whole_grid_costs_nothing() -> None:
    data = office.workbook({"Sheet": [["name", "fee"], ["east", 3]]})
    sheet = _part(data, "xl/worksheets/sheet1.xml").replace('ref="A1:B2"', 'ref="A1:XFD1048576"')
    assert "XFD1048576" in sheet
    assert "east | 3" in extract(office.changed(data, {"xl/worksheets/sheet1.xml": sheet}), "grid.xlsx").text


def test_a_book_is_read_in_the_order_of_its_spine() -> None:
    chapters = ["<h1>Ebb</h1><p>Water leaves.</p>", "<h1>Flow</h1><p>Water comes.</p><ul><li>twice a day</li></ul>"]
    document = extract(office.book(chapters), "tides.epub")
    assert document.title == "Tides"
    assert document.about == {"author": "R. Bligh", "date": "1789-04-28", "description": "All about tides."}
    assert outline(document) == [
        "heading1: Ebb",
        "paragraph: Water leaves.",
        "heading1: Flow",
        "paragraph: Water comes.",
        "list: - twice a day",
    ]


def test_a_locked_book_says_so() -> None:
    lock = '<encryption xmlns:e="urn:e"><e:CipherReference URI="OEBPS/text/c%200.xhtml"/></encryption>'
    with pytest.raises(FileFailure) as failure:
        extract(office.book(["<p>secret</p>"], extra={"META-INF/encryption.xml": lock}), "drm.epub")
    assert failure.value.reason is Reason.ENCRYPTED
    fonts = lock.replace("OEBPS/text/c%200.xhtml", "fonts/a.otf")
    assert extract(office.book(["<p>open</p>"], extra={"META-INF/encryption.xml": fonts}), "font.epub").text == "open"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.epub", office.book(["<p>&secret;text</p>"], opf_start=ENTITY.replace("<!DOCTYPE p", "<!DOCTYPE package"))),
        ("b.epub", office.book([f"{ENTITY}<p>&secret;</p><p>text</p>"])),
        ("c.docx", documents.word_with_body(b"&secret;text")),
    ],
)
def test_external_entities_are_never_read(name: str, data: bytes) -> None:
    try:
        text = extract(data, name).text
    except FileFailure as failure:
        assert failure.reason is Reason.CORRUPT
    else:
        assert "root:" not in text


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/workbook.xml"])
def test_entities_in_a_workbook_are_refused(part: str) -> None:
    data = office.workbook({"Sheet": FEES})
    xml = '<?xml version="1.0"?>' + ENTITY.replace("<!DOCTYPE p", "<!DOCTYPE x") + "<x>&secret;&x;</x>"
    try:
        text = extract(office.changed(data, {part: xml}), "entity.xlsx").text
    except FileFailure as failure:
        assert failure.reason in {Reason.CORRUPT, Reason.EMPTY}
    else:
        assert "root:" not in text


def test_properties_become_facts() -> None:
    deck = Presentation()
    deck.core_properties.author, deck.core_properties.title = "Ada Lovelace", "Harbour plan"
    deck.core_properties.modified = datetime(2024, 5, 31)
    deck.slides.add_slide(deck.slide_layouts[0]).shapes.title.text = "Start"  # type: ignore[union-attr]
    document = extract(office.saved(deck), "plan.pptx")
    assert document.title == "Harbour plan"
    assert document.about["author"] == "Ada Lovelace" and document.about["date"] == "2024-05-31"


def _part(data: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name).decode()


def _hidden(data: bytes, name: str) -> str:
    return _part(data, name).replace("<p:sld ", '<p:sld show="0" ', 1)


WHOLE = {
    "a.xlsx": office.workbook({"Fees": FEES, "Old": FEES}, title="Fees"),
    "a.pptx": office.slides(("One", ["Two", "Three"]), notes="Notes", table=FEES_AS_TEXT),
    "a.docx": documents.word(("Heading 1", "Berths"), ("Normal", "Text")),
    "a.epub": office.book(["<h1>Ebb</h1><p>Water leaves.</p>"]),
}


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_a_damaged_file_gives_a_document_or_a_reason(name: str, data: st.DataObject) -> None:
    whole = WHOLE[name]
    if data.draw(st.booleans()):
        places = data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=9))
        damaged = bytearray(whole)
        for place in places:
            damaged[place] ^= data.draw(st.integers(1, 255))
        broken = bytes(damaged[: data.draw(st.integers(len(whole) // 2, len(whole)))])
    else:
        part = data.draw(st.sampled_from(_names(whole)))
        text = _part(whole, part)
        start = data.draw(st.integers(0, len(text)))
        instead = data.draw(st.text('<>/"=a0 &;', max_size=12))
        broken = office.changed(whole, {part: text[:start] + instead + text[start + data.draw(st.integers(0, 40)) :]})
    try:
        extract(broken, name)
    except FileFailure as failure:
        assert failure.message.endswith(".")


def _names(data: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return sorted(name for name in archive.namelist() if name.endswith((".xml", ".rels", ".opf", ".xhtml")))
