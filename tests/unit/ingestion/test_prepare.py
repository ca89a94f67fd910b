"""From a file to what is embedded: what the document says of itself is embedded with its first passage."""

from pathlib import Path

from fakes import office
from ingestion.chunk import ChunkOptions
from ingestion.prepare import Request, prepare
from ingestion.tokens import Tokens, tokenizer_file

TOKENS = Tokens(tokenizer_file(None))
OPTIONS = ChunkOptions(256, 0, 256)


def request(path: Path, name: str, data: bytes) -> Request:
    path.write_bytes(data)
    return Request(str(path), name, "", OPTIONS, 1_000_000, 1_000_000)


def test_the_first_passage_is_embedded_by_what_the_document_says_of_itself(tmp_path: Path) -> None:
    page = '<html lang="en"><head><title>Dues</title><meta name="author" content="Ada Lovelace">'
    page += f'<meta name="description" content="What a berth costs. {"more " * 400}"></head><body><p>Ten a night.</p>'
    found = prepare(request(tmp_path / "file", "dues.html", page.encode()), TOKENS)
    plain, introduced = found.passages[0].windows
    assert "Ten a night." in plain
    assert introduced.startswith("Dues. What a berth costs.")
    assert TOKENS.count([introduced])[0] + TOKENS.special <= OPTIONS.window
    assert found.about["author"] == "Ada Lovelace"


def test_a_document_that_says_nothing_is_embedded_as_it_is(tmp_path: Path) -> None:
    found = prepare(request(tmp_path / "file", "dues.txt", b"Ten a night."), TOKENS)
    assert len(found.passages[0].windows) == 1


def test_what_normalisation_takes_out_and_the_language_are_told(tmp_path: Path) -> None:
    text = "Die Schiffe legen am Ost\u200bkai an und zahlen dort\u202e ihre Gebühren."
    found = prepare(request(tmp_path / "file", "mail.eml", office.mail(text)), TOKENS)
    assert found.removed == {"zero_width": 1, "bidi_control": 1}
    assert found.language == "de"
    assert "Ostkai" in found.passages[0].text
