"""The recording rules of the service levels, by Prometheus' own tool."""

import shutil
import subprocess
from pathlib import Path

import pytest

from common.metrics import SECONDS
from observability.objectives import FIRST_TEXT_S

ROOT = Path(__file__).parents[3]
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool (of Prometheus) on PATH")


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_rules_are_valid() -> None:
    promtool("check", "rules", "--lint=all", "charts/orchestrator/alerts/recording.yaml")


@needs_promtool
def test_the_rules_say_what_a_known_traffic_comes_to() -> None:
    promtool("test", "rules", "tests/alerts/recording.test.yaml")


def test_the_promised_time_is_the_bound_of_a_bucket() -> None:
    assert FIRST_TEXT_S in SECONDS, "or the share below it could only be guessed"
