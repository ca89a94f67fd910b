"""Runs the tools that deliver (git, helm, docker, kind, gh) and says plainly what was wrong."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

# What to tell someone who lacks a tool.
INSTALL = {
    "helm": "install Helm 3 (https://helm.sh)",
    "docker": "install Docker, or another engine with its command line",
    "kind": "install kind (https://kind.sigs.k8s.io)",
    "gh": "install GitHub's command line (https://cli.github.com)",
    "git": "install git",
    "kubectl": "install kubectl (https://kubernetes.io/docs/tasks/tools)",
    "trivy": "install Trivy (https://trivy.dev)",
}


class DeliveryError(Exception):
    """What a person must do before this can be delivered."""


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """What the command printed; DeliveryError where it is missing or fails, with its own words."""
    tool = command[0]
    if shutil.which(tool) is None:
        raise DeliveryError(f"{tool} is not on PATH: {INSTALL.get(tool, 'install it')}")
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise DeliveryError(f"`{' '.join(command)}` failed in {folder}:\n{said}")
    return done.stdout


def run_visibly(command: Sequence[str], folder: Path) -> None:
    """Run a long command with its output shown as it comes."""
    tool = command[0]
    if shutil.which(tool) is None:
        raise DeliveryError(f"{tool} is not on PATH: {INSTALL.get(tool, 'install it')}")
    code = subprocess.run(command, cwd=folder, check=False).returncode
    if code:
        raise DeliveryError(f"`{' '.join(command)}` ended with {code}: its output is above")
