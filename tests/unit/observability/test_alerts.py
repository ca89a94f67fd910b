"""Every alert is a valid rule, fires when it should and not else, asks for what is emitted, and has a runbook."""

import importlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.metrics import DEFINED

ROOT = Path(__file__).parents[3]
FILES = {
    path.stem: path for path in sorted(ROOT.glob("charts/*/alerts/*.yaml")) if path.name not in ("recording.yaml",)
}
# What others emit: the collector, the kubelet, cert-manager.
FOREIGN = {
    "certmanager_certificate_expiration_timestamp_seconds",
    "kubelet_volume_stats_available_bytes",
    "kubelet_volume_stats_capacity_bytes",
    "otelcol_exporter_enqueue_failed_spans",
    "otelcol_exporter_queue_capacity",
    "otelcol_exporter_queue_size",
    "otelcol_exporter_send_failed_spans",
    "otelcol_processor_tail_sampling_sampling_trace_dropped_too_early",
    "otelcol_receiver_accepted_spans",
}
SECTIONS = ("## First look", "## Fix", "## How it was provoked")
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (of Prometheus) on PATH")


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def rule_of(name: str) -> dict[str, Any]:
    groups = yaml.safe_load(FILES[name].read_text())["groups"]
    (rule,) = (rule for group in groups for rule in group["rules"])
    return rule


@pytest.fixture(scope="module")
def emitted() -> set[str]:
    """Every series that the services emit, buckets and sums included."""
    for path in (ROOT / "services").rglob("*.py"):
        if "from common.metrics import" in path.read_text():
            importlib.import_module(".".join(path.relative_to(ROOT / "services").with_suffix("").parts))
    series = set(FOREIGN)
    for definition in DEFINED.values():
        parts = ("_bucket", "_sum", "_count") if definition.kind == "histogram" else ("",)
        series |= {definition.name + part for part in parts}
    recording = yaml.safe_load((ROOT / "charts/orchestrator/alerts/recording.yaml").read_text())
    return series | {rule["record"] for group in recording["groups"] for rule in group["rules"]}


@needs_promtool
@pytest.mark.parametrize("name", FILES)
def test_it_fires_when_it_should_and_not_else(name: str) -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", str(FILES[name].relative_to(ROOT)))
    promtool("test", "rules", f"tests/alerts/{name}.test.yaml")


@pytest.mark.parametrize("name", FILES)
def test_its_unit_test_has_it_firing_and_not_firing(name: str) -> None:
    tests = yaml.safe_load((ROOT / "tests" / "alerts" / f"{name}.test.yaml").read_text())["tests"]
    expected = [bool(check["exp_alerts"]) for test in tests for check in test["alert_rule_test"]]
    assert True in expected
    assert False in expected


@pytest.mark.parametrize("name", FILES)
def test_it_asks_for_what_is_emitted(name: str, emitted: set[str]) -> None:
    asked = set(re.findall(r"\b(?:fairlead|otelcol|kubelet|certmanager)[_:][a-z0-9_:]+\b", rule_of(name)["expr"]))
    assert asked
    assert asked <= emitted


@pytest.mark.parametrize("name", FILES)
def test_it_says_what_happened_and_what_to_do(name: str) -> None:
    rule = rule_of(name)
    assert rule["alert"] == name
    assert rule["labels"]["severity"] in ("page", "ticket", "info")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"
    runbook = (ROOT / rule["annotations"]["runbook_url"]).read_text()
    assert runbook.startswith(f"# {name}\n")
    assert [line for line in runbook.splitlines() if line.startswith("## ")] == list(SECTIONS)


def test_nothing_is_left_of_an_alert_that_is_gone() -> None:
    for folder, ending in (("docs/runbooks", ".md"), ("tests/alerts", ".test.yaml")):
        names = {path.name.removesuffix(ending) for path in (ROOT / folder).iterdir()}
        assert names - set(FILES) <= {"recording"}
