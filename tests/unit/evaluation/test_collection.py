"""A collection is read as it is, and a broken one is refused with file and line."""

import gzip
import json
from pathlib import Path

import pytest

from evaluation.collection import CollectionError, read


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    corpus = [{"_id": "d1", "title": "Knots", "text": "A bowline holds."}, {"_id": "d2", "title": "", "text": "Rope."}]
    packed = gzip.compress("\n".join(map(json.dumps, corpus)).encode())
    (tmp_path / "corpus.jsonl.gz").write_bytes(packed)
    (tmp_path / "queries.jsonl").write_text(
        '{"_id": "q1", "text": "which knot?"}\n\n{"_id": "q2", "text": "unjudged"}\n'
    )
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    return tmp_path


def test_a_packed_collection_is_read(folder: Path) -> None:
    found = read(folder)
    assert found.documents["d1"].whole == "Knots A bowline holds."
    assert found.documents["d2"].whole == "Rope."
    assert found.queries == {"q1": "which knot?"}, "queries without a judgement are not asked"
    assert found.judgements == {"q1": {"d1": 1}}


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("queries.jsonl", '{"_id": "q1"}', "queries.jsonl, line 1: `text` must be text"),
        ("queries.jsonl", "{broken", "queries.jsonl, line 1: not valid JSON"),
        ("queries.jsonl", "[1]", "must be a JSON object"),
        ("qrels.tsv", "q1\td1\thigh\n", "qrels.tsv, line 1: a row is"),
        ("qrels.tsv", "q1 d1 1\n", "qrels.tsv, line 1: a row is"),
        ("qrels.tsv", "q9\td1\t1\n", "judges 'q9', which queries.jsonl does not hold"),
    ],
)
def test_a_broken_collection_names_file_and_line(folder: Path, file: str, text: str, words: str) -> None:
    (folder / file).write_text(text)
    with pytest.raises(CollectionError) as raised:
        read(folder)
    assert words in str(raised.value)


def test_a_folder_that_is_no_collection_says_what_one_is(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match=r"holds no corpus.jsonl: a collection is"):
        read(tmp_path)
