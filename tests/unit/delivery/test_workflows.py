"""What CI runs: make targets that exist, by actions that cannot change under us, with no more rights than they need."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
# actions/checkout@<commit> # v1.2.3
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
pytestmark = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def workflow(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def test_a_step_calls_make_or_a_pinned_action(path: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    steps = [step for job in workflow(path)["jobs"].values() for step in job["steps"]]
    for step in steps:
        if "run" in step:
            command = step["run"].split()
            assert command[0] == "make" and len(step["run"].splitlines()) == 1, step["run"]
            assert command[1] in targets, f"make {command[1]}: no such target"
    used = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert used and [line for line in used if not PINNED.match(line)] == []


def test_rights_are_given_to_jobs_and_time_is_limited(path: Path) -> None:
    assert workflow(path)["permissions"] == {}
    assert workflow(path)["concurrency"]
    for job in workflow(path)["jobs"].values():
        assert job["permissions"]
        assert job["timeout-minutes"]
