"""The language of a document: found where its text is clear, and no guess where it is not."""

import psycopg
import pytest

from conftest import Database
from ingestion.document import Block, Document, assemble
from ingestion.language import CONFIGURATIONS, configuration_for, language_of


def prose(text: str) -> Document:
    return assemble([Block("paragraph", text)])


@pytest.mark.parametrize(
    ("text", "language", "configuration"),
    [
        ("The ships moor at the east quay and pay their dues there.", "en", "english"),
        ("Die Schiffe legen am Ostkai an und zahlen dort ihre Gebühren.", "de", "german"),
        ("Les navires accostent au quai est et y paient leurs droits de port.", "fr", "french"),
        ("Суда швартуются у восточного причала и платят там сборы.", "ru", "russian"),
        ("Statki cumują przy wschodnim nabrzeżu i tam płacą opłaty portowe.", "pl", "simple"),
        ("船は東の岸壁に係留し、そこで料金を支払います。", "ja", "simple"),
    ],
)
def test_clear_texts(text: str, language: str, configuration: str) -> None:
    assert language_of(prose(text)) == language
    assert configuration_for(language) == configuration


@pytest.mark.parametrize("text", ["ERR-4711 XK-20 Q9", "x = 1; y = 2", "12 13 14", "ok"])
def test_what_is_not_clear_is_not_guessed(text: str) -> None:
    assert language_of(prose(text)) == ""
    assert configuration_for("") == "english"


def test_code_and_tables_do_not_speak_for_a_document() -> None:
    code = Block("code", "while (true) { return await the.promise.of.their.values; }\n" * 200)
    german = Block("paragraph", "Die Schiffe legen am Ostkai an und zahlen dort ihre Gebühren.")
    assert language_of(assemble([code, german])) == "de"


def test_the_database_knows_every_configuration(database: Database) -> None:
    with psycopg.connect(database.app_url) as connection:
        known = {name for (name,) in connection.execute("SELECT cfgname FROM pg_ts_config")}
    assert set(CONFIGURATIONS.values()) <= known
