"""Prometheus is told of every service and of every rule in the checkout, in words that it accepts."""

import shutil
import subprocess
from pathlib import Path

import pytest

from standalone import observers
from standalone.data_folder import Home
from standalone.settings import StandaloneSettings

RULES = "groups: [{name: g, rules: [{alert: A, expr: vector(1)}]}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with a rule and its test."""
    alerts = tmp_path / "charts" / "some" / "alerts"
    alerts.mkdir(parents=True)
    (alerts / "A.yaml").write_text(RULES)
    (alerts / "A.test.yaml").write_text("rule_files: [A.yaml]\ntests: []\n")
    return tmp_path


def test_rules_are_found_and_their_tests_are_not(folder: Path) -> None:
    assert [path.name for path in observers.rule_files(folder)] == ["A.yaml"]


def test_every_service_is_scraped_at_its_port(folder: Path) -> None:
    settings = StandaloneSettings.model_validate({"observe": "full", "orchestrator_port": 18080})
    jobs = {job["job_name"]: job for job in observers.scraping(settings, folder)["scrape_configs"]}
    assert {"orchestrator", "llm-proxy", "local-models", "ingestion", "otelcol", "otelcol-spanmetrics"} <= set(jobs)
    assert jobs["orchestrator"]["static_configs"] == [{"targets": ["127.0.0.1:18080"]}]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool on PATH (it comes with Prometheus)")
def test_prometheus_accepts_it(folder: Path) -> None:
    home = Home(folder / "data of mine")
    home.path.mkdir()
    observers.prometheus(StandaloneSettings.model_validate({"observe": "full"}), home, folder)
    done = subprocess.run(
        ["promtool", "check", "config", str(home.prometheus / "prometheus.yaml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS: 1 rules found" in done.stdout
