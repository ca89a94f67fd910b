"""Drills: each is of an alert that exists and told of in its runbook; hurried rules differ in their times alone."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from drills import hurried_rules
from drills.__main__ import DRILLS

ROOT = Path(__file__).parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (of Prometheus) on PATH")


def test_windows_and_holds_are_shorter_and_names_are_not() -> None:
    rule = "expr: fairlead:answers:rate5m > 30 and rate(x[5m]) > 0.1 and rate(x[1h] offset 1d) > 0\n  for: 10m\n"
    assert hurried_rules.hurried(rule, {}) == (
        "expr: fairlead:answers:rate5m > 30 and rate(x[30s]) > 0.1 and rate(x[120s] offset 2880s) > 0\n  for: 20s\n"
    )


def test_a_short_time_is_not_made_longer() -> None:
    assert hurried_rules.hurried("rate(x[10s])", {}) == "rate(x[10s])"


def test_easing_what_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="'> 7'"):
        hurried_rules.hurried("x > 5", {"> 7": "> 1"})


@needs_promtool
def test_hurried_rules_are_rules(tmp_path: Path) -> None:
    files = hurried_rules.write(ROOT, tmp_path, {drill.alert: drill.eased for drill in DRILLS.values()})
    done = subprocess.run(["promtool", "check", "rules", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_drills_are_of_alerts() -> None:
    assert set(DRILLS) <= {path.stem for path in ROOT.glob("charts/*/alerts/*.yaml")}


@pytest.mark.parametrize("runbook", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_tells_of_its_drill_and_of_no_other(runbook: Path) -> None:
    told = set(re.findall(r"make drill-(\w+)", runbook.read_text(encoding="utf-8")))
    assert told == ({runbook.stem} if runbook.stem in DRILLS else set())


def test_nothing_of_a_rule_but_times_and_what_is_eased_differs(tmp_path: Path) -> None:
    for path in hurried_rules.write(ROOT, tmp_path, {}):
        original = next(ROOT.glob(f"charts/*/alerts/{path.name}"))
        before, after = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in (original, path))
        for old, new in zip(before["groups"], after["groups"], strict=True):
            for rule, hurried in zip(old["rules"], new["rules"], strict=True):
                assert rule.keys() == hurried.keys()
                assert {key: rule[key] for key in rule if key not in ("expr", "for")} == {
                    key: hurried[key] for key in hurried if key not in ("expr", "for")
                }
