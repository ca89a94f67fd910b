"""What a canary is judged by: the rendered queries, asked of a real Prometheus' engine over made-up traffic."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.rendering import needs_helm, render

PROMTOOL = shutil.which("promtool")
pytestmark = [needs_helm, pytest.mark.skipif(PROMTOOL is None, reason="promtool is not on PATH")]
CANARY, STABLE = "orchestrator-5d9c7b8f6", "orchestrator-77f8d4c6b9"
MINUTES = 5


def queries() -> dict[str, str]:
    found = render("orchestrator", values={"rollout": {"enabled": True, "minutes": MINUTES}}, namespace="shop")
    (template,) = found.of("AnalysisTemplate")
    # As Argo Rollouts fills in the hash of the canary's pods.
    return {
        each["name"]: each["provider"]["prometheus"]["query"].replace("{{args.canary}}", CANARY.rpartition("-")[2])
        for each in template["spec"]["metrics"]
    }


def answers(pod: str, outcome: str, each_minute: float, namespace: str = "shop") -> dict[str, str]:
    labels = f'namespace="{namespace}",pod="{pod}-x2x7q",outcome="{outcome}"'
    return {"series": f"fairlead_answers_total{{{labels}}}", "values": f"0+{each_minute}x20"}


def begun(pod: str, soon: float, late: float) -> list[dict[str, str]]:
    labels = f'namespace="shop",pod="{pod}-x2x7q"'
    name = "fairlead_answer_first_text_seconds"
    return [
        {"series": f'{name}_bucket{{{labels},le="2.0"}}', "values": f"0+{soon}x20"},
        {"series": f"{name}_count{{{labels}}}", "values": f"0+{soon + late}x20"},
    ]


def thumbs(up: float, down: float) -> list[dict[str, str]]:
    return [
        {
            "series": f'fairlead_feedback_total{{namespace="shop",pod="{STABLE}-x2x7q",value="{value}"}}',
            "values": f"0+{rate}x20",
        }
        for value, rate in (("up", up), ("down", down))
    ]


def agrees(series: list[dict[str, str]], metric: str, wanted: float | None, tmp_path: Path) -> str:
    """Empty when the query gives `wanted` after ten minutes (None: nothing at all), else what promtool says."""
    samples = [] if wanted is None else [{"value": wanted}]
    asked: dict[str, Any] = {"expr": queries()[metric], "eval_time": "10m", "exp_samples": samples}
    test = {"interval": "30s", "input_series": series, "promql_expr_test": [asked]}
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))
    command = [str(PROMTOOL), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_a_bad_canary_is_seen_beside_a_good_stable_version(tmp_path: Path) -> None:
    series = [answers(CANARY, "answered", 9), answers(CANARY, "failed", 1), answers(STABLE, "answered", 1000)]
    assert agrees(series, "errors", 0.1, tmp_path) == ""


def test_a_good_canary_is_not_blamed_for_the_stable_version_or_another_environment(tmp_path: Path) -> None:
    elsewhere = answers(CANARY, "failed", 50, namespace="other")
    series = [answers(CANARY, "answered", 10), answers(STABLE, "failed", 10), elsewhere]
    assert agrees(series, "errors", 0, tmp_path) == ""


def test_what_callers_cancel_or_ask_wrongly_is_no_error(tmp_path: Path) -> None:
    series = [answers(CANARY, "answered", 10), answers(CANARY, "rejected", 30), answers(CANARY, "cancelled", 30)]
    assert agrees(series, "errors", 0, tmp_path) == ""


def test_too_few_answers_tell_nothing(tmp_path: Path) -> None:
    assert agrees([answers(CANARY, "failed", 0.25)], "errors", None, tmp_path) == ""


def test_a_canary_that_begins_late_is_seen(tmp_path: Path) -> None:
    series = [answers(CANARY, "answered", 10), *begun(CANARY, soon=6, late=4), *begun(STABLE, soon=1000, late=0)]
    assert agrees(series, "late", 0.4, tmp_path) == ""


def test_feedback_is_that_of_the_whole_environment(tmp_path: Path) -> None:
    assert agrees(thumbs(up=3, down=9), "bad-feedback", 0.75, tmp_path) == ""
    assert agrees(thumbs(up=0.1, down=0.3), "bad-feedback", None, tmp_path) == ""


def test_the_recorded_level_counts_only_where_enough_was_asked(tmp_path: Path) -> None:
    def recorded(rate: float) -> list[dict[str, str]]:
        return [
            {"series": 'fairlead:answers:error_ratio_rate5m{namespace="shop"}', "values": "0.2x40"},
            {"series": 'fairlead:answers:rate5m{namespace="shop"}', "values": f"{rate}x40"},
        ]

    assert agrees(recorded(1.0), "service-level", 0.2, tmp_path) == ""
    assert agrees(recorded(0.001), "service-level", None, tmp_path) == ""
