"""The collector's alerts are rules that Prometheus takes, fire when they should, and each has a runbook."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
ALERTS = ROOT / "charts" / "trace-collector" / "alerts"
NAMES = sorted(path.stem for path in ALERTS.glob("*.yaml"))
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool on PATH")


def promtool(*arguments: str) -> None:
    command = ["promtool", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("name", NAMES)
def test_the_rules_are_rules_and_fire_when_they_should(name: str) -> None:
    promtool("check", "rules", "--lint-fatal", str(ALERTS / f"{name}.yaml"))
    promtool("test", "rules", f"tests/alerts/{name}.test.yaml")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_an_alert_with_a_runbook(name: str) -> None:
    groups = yaml.safe_load((ALERTS / f"{name}.yaml").read_text())["groups"]
    (rule,) = [rule for group in groups for rule in group["rules"]]
    assert rule["alert"] == name
    assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"
    assert (ROOT / "docs" / "runbooks" / f"{name}.md").read_text().startswith(f"# {name}\n")
