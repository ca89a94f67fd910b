"""`python -m evaluation` end to end: a small collection through the real services, side by side, swept and compared."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENTS = {
    "tower": ("The lighthouse", "The lighthouse of the eastern harbour was built in 1843 and is 31 metres high."),
    "crane": ("The harbour crane", "The crane on the western quay lifts loads of up to 40 tonnes."),
    "ferry": ("The ferry", "The ferry to the island leaves every hour between six and midnight."),
    "knots": ("Knots", "A bowline makes a loop that does not slip."),
}
QUERIES = {"q1": ("How tall is the beacon?", "tower"), "q2": ("heaviest load of the crane", "crane")}


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collections") / "harbour"
    folder.mkdir()
    rows = [{"_id": name, "title": title, "text": text} for name, (title, text) in DOCUMENTS.items()]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
    asked = [{"_id": name, "text": text} for name, (text, _) in QUERIES.items()]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, asked)))
    (folder / "qrels.tsv").write_text("".join(f"{name}\t{right}\t1\n" for name, (_, right) in QUERIES.items()))
    return folder


def evaluation(*arguments: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "evaluation", *map(str, arguments)]
    environment = os.environ | {"COLUMNS": "200"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300)


def test_side_by_side_with_the_reranker_and_compared(collection: Path, tmp_path: Path) -> None:
    done = evaluation("retrieval", "--data", collection, "--mode", "shipped", "--keep", tmp_path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| harbour")]
    assert [row.split("|")[3].strip() for row in rows] == [
        "keyword",
        "vector",
        "hybrid, rrf",
        "hybrid (shipped)",
        "hybrid + rerank",
    ]
    ndcg = [float(row.split("|")[4]) for row in rows]
    assert ndcg[0] == 0.5, "words alone find nothing for a question in other words"
    assert all(value > 0.8 for value in ndcg[1:])
    assert "hybrid + rerank against hybrid (shipped): nDCG@10" in done.stdout
    kept = sorted(tmp_path.glob("*.json"))
    assert len(kept) == 5
    hashes = {json.loads(file.read_text())["config_hash"] for file in kept}
    assert len(hashes) == 2, "rrf alone is another configuration; the others differ in the request"
    compared = evaluation("compare", kept[0], kept[1], cwd=tmp_path)
    assert compared.returncode == 0
    assert "recall@10" in compared.stdout


def test_a_sweep_with_a_value_that_is_refused_says_which(collection: Path, tmp_path: Path) -> None:
    done = evaluation("sweep", "--data", collection, "--mode", "whole", "--set", "keyword_weight=2", cwd=tmp_path)
    assert done.returncode == 1
    assert "the settings were refused: keyword_weight" in done.stderr
