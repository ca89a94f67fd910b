"""Runs are kept and read back, compared and put on a Pareto front; sweeps are refused with the reason."""

from pathlib import Path

import pytest

from common.questions import QuestionsError
from evaluation import report, runs
from evaluation.questions import read
from evaluation.runs import Run, RunError
from evaluation.search import by_document, document_name
from evaluation.variants import VariantError, swept


def run(variant: str, quality: float, latency: float) -> Run:
    values = {name: {"q1": quality, "q2": quality} for name in ("nDCG@10", "recall@10", "MRR@10", "MAP")}
    return Run("c", "m", variant, {"tunables": {}}, "abc", runs.now(), values, [latency, latency])


def test_a_run_that_was_kept_is_read_back(tmp_path: Path) -> None:
    kept = run("hybrid (shipped)", 0.7, 9.0)
    file = runs.store(tmp_path / "runs", kept)
    assert runs.load(file) == kept
    assert "hybrid-shipped" in file.name
    file.write_text('{"collection": "c"}')
    with pytest.raises(RunError, match=r"hybrid-shipped.*is not a stored run"):
        runs.load(file)


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    fast, good, beaten = run("fast", 0.6, 5.0), run("good", 0.8, 20.0), run("beaten", 0.6, 6.0)
    twin = run("twin", 0.8, 20.0)
    assert report.front([fast, good, beaten, twin]) == (fast, good, twin)


def test_a_sweep_is_every_combination() -> None:
    variants = swept(["keyword_weight=0.3,0.5", "fusion=rrf,normalised", "rerank=true"])
    assert [variant.name for variant in variants[:2]] == [
        "keyword_weight=0.3, fusion=rrf, rerank=true",
        "keyword_weight=0.3, fusion=normalised, rerank=true",
    ]
    assert len(variants) == 4
    assert variants[0].tunables == {"keyword_weight": 0.3, "fusion": "rrf"}
    assert variants[0].ranking == {"ranker": "auto"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["keyword_weight"], "not of the form key=value,value"),
        ([], "say what to sweep"),
        (["a=" + ",".join(map(str, range(50))), "b=" + ",".join(map(str, range(50)))], "2500 combinations"),
    ],
)
def test_what_cannot_be_swept_is_refused(settings: list[str], words: str) -> None:
    with pytest.raises(VariantError, match=words):
        swept(settings)


def test_a_document_counts_where_its_best_passage_stands() -> None:
    assert by_document(["b", "a", "b"]) == {"b": 2.0, "a": 1.0}
    assert document_name({"filename": "folder/MED-10.txt"}) == "MED-10"


def test_own_questions_are_read_and_broken_ones_refused_by_line(tmp_path: Path) -> None:
    file = tmp_path / "questions.jsonl"
    file.write_text(
        '{"query": "how high?", "relevant": ["tower.md"]}\n\n{"query": "who?", "relevant": {"file-1": 2}}\n'
    )
    asked = read(file)
    assert asked.queries == {"1": "how high?", "3": "who?"}
    assert asked.judgements == {"1": {"tower.md": 1}, "3": {"file-1": 2}}
    assert asked.name_of({"file_id": "file-1", "filename": "x"}) == "file-1"
    assert asked.name_of({"file_id": "file-2", "filename": "tower.md"}) == "tower.md"
    file.write_text('{"query": "how high?", "relevant": []}\n')
    with pytest.raises(QuestionsError, match="line 1: a question and at least one file"):
        read(file)
    file.write_text("how high?\n")
    with pytest.raises(QuestionsError, match="line 1: not of the form"):
        read(file)
