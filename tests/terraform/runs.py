"""Terraform or OpenTofu on copies of the roots: nothing is written into the repository, and no lock file is kept."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "terraform"
BAD = Path(__file__).parent / "bad"
TABLES = ("clusters", "model_deployments", "databases", "storage", "firewall_rules", "identities")
TOOL = shutil.which(os.environ.get("TERRAFORM") or "terraform") or shutil.which("tofu")
IS_OPENTOFU = TOOL is not None and Path(TOOL).name == "tofu"
# A provider that is fetched from far away, or an apply of a hundred things on a busy machine.
LONGEST_S = 600


class TerraformFailed(AssertionError):
    """What it printed."""


@dataclass(frozen=True)
class Folder:
    """One folder in which the tool runs."""

    path: Path
    environment: dict[str, str]

    def run(self, *arguments: str, expect: tuple[int, ...] = (0,)) -> str:
        """Run it; returns what it printed on stdout. Raises TerraformFailed on another exit code than expected."""
        assert TOOL is not None
        done = subprocess.run(
            [TOOL, *arguments], cwd=self.path, env=self.environment, capture_output=True, text=True, timeout=LONGEST_S
        )
        if done.returncode not in expect:
            raise TerraformFailed(
                f"{' '.join(arguments)}: exit {done.returncode}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}"
            )
        return done.stdout

    def changes(self, *arguments: str) -> dict[str, str]:
        """What a plan would do: address → create, update, delete or replace; nothing where all is as it should be."""
        self.run("plan", "-input=false", "-no-color", "-out=test.tfplan", *arguments)
        plan = json.loads(self.run("show", "-json", "test.tfplan"))
        actions = {item["address"]: item["change"]["actions"] for item in plan.get("resource_changes", [])}
        names = {("delete", "create"): "replace", ("create", "delete"): "replace"}
        return {
            address: names.get(tuple(action), action[0])
            for address, action in actions.items()
            if action not in (["no-op"], ["read"])
        }


def copied(target: Path) -> Path:
    """A copy of terraform/ of one's own, in `target`; the test is skipped where there is no tool."""
    if TOOL is None:
        pytest.skip("neither terraform nor tofu is on PATH")
    shutil.copytree(
        TERRAFORM, target / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfplan")
    )
    return target / "terraform"


def environment(**more: str) -> dict[str, str]:
    """The caller's, without what would reach a real cloud or change what is printed."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "TF_VAR_", "TF_CLI_ARGS", "TF_LOG"))
    }
    return {**kept, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", **more}


def initialised(path: Path, *, backend: bool = False, **more: str) -> Folder:
    """The folder, ready to plan; the test is skipped where its providers cannot be had."""
    folder = Folder(path, environment(**more))
    try:
        folder.run("init", "-input=false", "-no-color", *(() if backend else ("-backend=false",)))
    except TerraformFailed as failure:
        text = str(failure)
        if "Failed to query available provider packages" in text or "provider registry" in text.lower():
            pytest.skip(f"the providers of {path.name} cannot be had here (docs/terraform.md, Tests)")
        raise
    return folder
