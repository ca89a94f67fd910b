"""The guide: what it tells people to type exists, and its tables are complete."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from delivery import environments

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/delivery.md").read_text()


def test_every_command_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"make ([a-z][a-z0-9-]+)", GUIDE))
    assert {"release", "promote", "rollback"} <= named
    assert named <= targets
    for command in set(re.findall(r"python -m delivery ([a-z]+)", GUIDE)):
        done = subprocess.run([sys.executable, "-m", "delivery", command, "--help"], capture_output=True, check=False)
        assert done.returncode == 0, command


def test_files_operators_and_workflows_that_it_names_are_there() -> None:
    for name in re.findall(r"`((?:argocd|docs|services)/[\w./-]+)`", GUIDE):
        assert (ROOT / name).exists(), name
    operators = yaml.safe_load((ROOT / environments.LIST).read_text())["addons"]
    (listed,) = re.findall(r"^Operators: (.*?)\. None", GUIDE, re.MULTILINE | re.DOTALL)
    assert re.findall(r"`([a-z-]+)`", listed) == sorted(operators)
    ours = {"build", "ci", "e2e", "promote", "release"}
    written = {path.stem for path in (ROOT / ".github/workflows").glob("*.yml")} & ours
    assert set(re.findall(r"^\| `([a-z0-9]+)` \|", GUIDE, re.MULTILINE)) == written
