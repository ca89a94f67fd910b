"""CSV, JSON and e-mail: every value stays findable beside the name that says what it is."""

import csv
import io
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import documents, office
from ingestion.extract import extract
from ingestion.failures import FileFailure, Reason
from ingestion.normalise import clean
from unit.ingestion.outline import outline

plain = st.one_of(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), st.integers(), st.booleans(), st.none()
)
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(st.text("abc", min_size=1), inner))
cells = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z", "S"]), min_size=1, max_size=9)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(separator: str) -> None:
    table = [["berth", "fee", "note"], ["east", "12", "calm, mostly"], ["west", "9", "wind; rain"]]
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator).writerows(table)
    text = buffer.getvalue()
    document = extract(text.encode(), "fees.csv")
    assert document.spans[0].header == "berth | fee | note"
    assert document.spans[0].block.rows == (2, 3)


def test_a_table_without_names_has_none() -> None:
    assert outline(extract(b"1,2\n3,4\n", "numbers.csv")) == ["table: 1 | 2\n3 | 4"]
    assert extract(b"1,2\n3,4\n", "numbers.csv").spans[0].header == ""


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=2, max_size=80))
def test_every_cell_of_a_csv_is_kept(table: list[list[str]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["first name", "second name"], *table])
    text = extract(buffer.getvalue().encode(), "table.csv").text
    for row in table:
        for cell in row:
            # As all text is normalised: raised digits keep a sign, 10² is no 102.
            assert "".join(clean(cell, Counter()).split()) in "".join(text.split())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_csv_of_any_encoding_is_read(encoding: str) -> None:
    text = "Liegeplatz;Gebühr;Wo\n" + "Süd;12 €;Außenmole\n" * 20
    assert "Süd | 12 € | Außenmole" in extract(text.encode(encoding), "gebühren.csv").text


def test_a_missing_quotation_mark_is_named() -> None:
    with pytest.raises(FileFailure) as failure:
        extract(b'a,b\n1,2\n3,"' + b"x" * 2_000_000, "broken.csv")
    assert failure.value.reason is Reason.CORRUPT
    assert "after row 2" in failure.value.message


def test_json_reads_as_paths_and_values() -> None:
    value = {
        "title": "Price list",
        "shop": {"name": "Chandler", "open": True},
        "tags": ["rope", "paint"],
        "items": [{"name": "Rope", "price": 1.10}, {"name": "Paint", "sizes": [{"l": 1}]}],
    }
    document = extract(json.dumps(value).replace("1.1", "1.10").encode(), "prices.json")
    assert document.title == "Price list"
    assert outline(document) == [
        "code: title: Price list\nshop.name: Chandler\nshop.open: true\ntags: rope, paint",
        "code: items[1]\nname: Rope\nprice: 1.10",
        "code: items[2]\nname: Paint",
        "code: items[2].sizes[1]\nl: 1",
    ]
    assert document.spans[1].header == "items[1]"


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), values, min_size=1))
def test_every_value_of_a_json_is_kept(value: dict[str, object]) -> None:
    leaves = list(_leaves(value))
    if not leaves:
        return
    text = extract(json.dumps(value).encode(), "any.json").text
    for leaf in leaves:
        assert str(leaf) in text


def test_json_lines_are_records() -> None:
    document = extract(b'{"a": 1}\n\n{"a": 2}\n', "log.jsonl")
    assert outline(document) == ["code: [1]\na: 1", "code: [2]\na: 2"]
    assert extract(b'{"a": 1}\n{"a": 2}\n', "log.json").text == document.text


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("cut.json", b'{"a": [1, 2', "line 1"),
        ("cut.jsonl", b'{"a": 1}\n{"a": ', "line 2"),
        ("deep.json", b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
        ("deep.json", b"[" * 900 + b"1" + b"]" * 900, ""),
    ],
)
def test_bad_json_says_where(name: str, data: bytes, said: str) -> None:
    if not said:
        extract(data, name)
        return
    with pytest.raises(FileFailure) as failure:
        extract(data, name)
    assert failure.value.reason is Reason.CORRUPT
    assert said in failure.value.message


def test_a_message_has_its_headers_text_and_attachments() -> None:
    inner = office.mail("Inner text.", subject="Inner", attachments=[("deep.txt", b"Too deep.")])
    attachments = [
        ("fees.csv", b"berth,fee\neast,12\n"),
        ("plan.pdf", documents.pdf([["The plan of the quay."]])),
        ("photo.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
        ("forwarded.eml", inner),
    ]
    document = extract(office.mail("The berth is free.", attachments=attachments), "mail.eml")
    assert document.title == "Berth 7"
    lines = outline(document)
    assert lines[:5] == [
        "list: From: Ada Lovelace <ada@quay.example>",
        "list: To: harbour@quay.example",
        "list: Date: Fri, 31 May 2024 09:30:00 +0200",
        "paragraph: The berth is free.",
        "heading1: Attachment: fees.csv",
    ]
    assert "table: berth | fee\neast | 12" in lines
    assert "The plan of the quay." in document.text and "Inner text." in document.text
    assert "Too deep." not in document.text
    assert document.about["author"] == "Ada Lovelace <ada@quay.example>"
    assert document.about["date"] == "2024-05-31"
    assert document.about["not_read"] == "photo.png"
    assert all(span.block.page is None for span in document.spans)


def test_html_is_read_where_there_is_no_plain_text() -> None:
    message = office.mail("Plain words.", html="<p>Rich <b>words</b>.</p>")
    assert "Plain words." in extract(message, "both.eml").text
    only = message.replace(b"text/plain", b"application/x-nothing")
    assert "Rich words." in extract(only, "html.eml").text


@pytest.mark.parametrize(
    "data",
    [
        b"Subject: =?utf-8?q?broken=ZZ?=\nFrom: <<>>@@\nDate: yesterday\nContent-Type: text/plain; charset=no\n\nText.",
        b"Subject: x\nContent-Type: multipart/mixed; boundary=none\n\nText.",
        b"Subject: x\nContent-Transfer-Encoding: base64\n\n!!!!VGV4dC4=",
    ],
)
def test_a_crooked_message_is_read_or_refused(data: bytes) -> None:
    try:
        assert extract(data, "crooked.eml").title
    except FileFailure as failure:
        assert failure.reason in {Reason.CORRUPT, Reason.EMPTY}


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=1, max_size=400), st.sampled_from(["a.csv", "a.json", "a.jsonl", "a.eml", "a.txt", "a.md"]))
def test_any_bytes_give_a_document_or_a_reason(data: bytes, name: str) -> None:
    try:
        extract(data, name)
    except FileFailure as failure:
        assert failure.message.endswith(".")


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in _leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in _leaves(inner)]
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else []
