"""Text files of every encoding that people still have."""

import pytest

from ingestion.extract.encoding import decode
from ingestion.failures import FileFailure, Reason

GERMAN = "Die Festmacherleinen müssen täglich überprüft werden, größere Schäden sind zu melden. " * 8
RUSSIAN = "Швартовные концы проверяются перед каждым сезоном, изношенные канаты заменяются. " * 8
JAPANESE = "係留索は毎シーズン前に点検され、摩耗したロープは交換されます。" * 12


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1"])
def test_western_text(encoding: str) -> None:
    assert decode(GERMAN.encode(encoding)) == GERMAN


@pytest.mark.parametrize(("text", "encoding"), [(RUSSIAN, "cp1251"), (RUSSIAN, "koi8-r"), (JAPANESE, "shift_jis")])
def test_an_encoding_is_guessed_from_a_page_of_text(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_what_a_page_declares_is_believed() -> None:
    page = '<html><head><meta charset="iso-8859-2"></head><body>Łódź</body></html>'
    assert decode(page.encode("iso-8859-2")) == page


def test_a_broken_byte_in_utf8_costs_one_character() -> None:
    data = GERMAN.encode() + b"\xff" + GERMAN.encode()
    assert decode(data) == f"{GERMAN}\ufffd{GERMAN}"


def test_a_declaration_of_nothing_known_is_ignored() -> None:
    assert "müssen" in decode(b'<meta charset="no-such-thing">' + GERMAN.encode("cp1252"))


def test_the_guess_does_not_depend_on_ascii_before_it() -> None:
    assert decode(b"plain ascii\n" * 20_000 + RUSSIAN.encode("cp1251")).endswith(RUSSIAN)


def test_failures_have_reasons() -> None:
    assert FileFailure(Reason.CORRUPT, "x").reason == "corrupt_file"
