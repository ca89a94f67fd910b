"""docs/install.md does what it says: its commands run in their order, with the real helm, and a kubectl that notes."""

import base64
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.rendering import CHARTS, HELM, built, charts, needs_helm, render
from common import key_file
from vector_store import preparation

pytestmark = needs_helm
ROOT = CHARTS.parent
GUIDE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What asks a running cluster or the world outside is run by the end-to-end tests, or by nobody but you.
ELSEWHERE = ("port-forward", "curl", "docker pull", "helm test", "kubectl -n $NS exec")

KUBECTL = """\
#!{python}
import pathlib, sys
words = sys.argv[1:]
with open("kubectl.log", "a") as log:
    log.write(" ".join(words) + "\\n")
if "secret" in words and "create" in words:
    folder = pathlib.Path("secrets", words[words.index("generic") + 1])
    folder.mkdir(parents=True)
    for word in words:
        if word.startswith("--from-literal="):
            key, _, value = word.removeprefix("--from-literal=").partition("=")
            (folder / key).write_text(value)
        if word.startswith("--from-file="):
            key, _, path = word.removeprefix("--from-file=").rpartition("=")
            (folder / (key or pathlib.Path(path).name)).write_bytes(pathlib.Path(path).read_bytes())
"""
# Renders what it would send; the charts' dependencies are there.
HELM_STAND_IN = """\
#!/bin/sh
echo "$@" >> helm.log
case "$1" in
  template) exec {helm} "$@" ;;
  upgrade) shift; [ "$1" = --install ] && shift; exec {helm} template "$@" ;;
  dependency|uninstall|rollback) exit 0 ;;
  *) echo "an unknown command: $1" >&2; exit 1 ;;
esac
"""


@dataclass
class Reader:
    """Somebody who does what the guide says, in a folder of his own."""

    folder: Path

    def run(self, script: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "NS": "fairlead-dev"}
        command = ["bash", "-euo", "pipefail", "-c", script]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=240
        )

    def log(self, program: str) -> list[str]:
        return (self.folder / f"{program}.log").read_text().splitlines()


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    (tmp_path / "bin").mkdir()
    for name, text in {
        "kubectl": KUBECTL.format(python=sys.executable),
        "helm": HELM_STAND_IN.format(helm=HELM),
    }.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "charts").symlink_to(built())
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "common.yaml").write_text(next(text for kind, text in blocks("yaml") if "# common.yaml" in text))
    return Reader(tmp_path)


def blocks(*kinds: str) -> list[tuple[str, str]]:
    return [(kind, text) for kind, text in BLOCK.findall(GUIDE) if kind in kinds]


def test_every_command_runs_in_the_order_of_the_guide(reader: Reader) -> None:
    scripts = [text for _, text in blocks("bash") if not any(word in text for word in ELSEWHERE)]
    assert len(scripts) >= 9
    done = reader.run("\n".join(scripts))
    assert done.returncode == 0, done.stderr[-2000:]
    # Each chart is installed; and each that is installed is later upgraded, taken back, and removed.
    for verb in ("upgrade --install {} ", "upgrade {} ", "rollback {} ", "uninstall {} "):
        missing = [chart for chart in charts() if not any(verb.format(chart) in line for line in reader.log("helm"))]
        assert missing == [], verb


def test_the_secrets_are_what_the_pods_read(reader: Reader) -> None:
    scripts = [text for _, text in blocks("bash") if "create secret" in text]
    done = reader.run("\n".join(scripts))
    assert done.returncode == 0, done.stderr
    secrets = reader.folder / "secrets"
    found = preparation.read(secrets / "fairlead-database")
    assert (found.app.database, found.mlflow and found.mlflow.database) == ("fairlead", "mlflow")
    for role, access in (("owner", found.owner), ("app", found.app), ("mlflow", found.mlflow)):
        assert access is not None
        own = secrets / f"fairlead-database-{role}"
        assert ((own / "username").read_text(), (own / "password").read_text()) == (
            access.role.name,
            access.role.password,
        )

    store = secrets / "fairlead-trace-store"
    scheme, _, credentials = (store / "authorization").read_text().partition(" ")
    wanted = f"{(store / 'username').read_text()}:{(store / 'password').read_text()}"
    assert (scheme, base64.b64decode(credentials).decode()) == ("Basic", wanted)

    keys = key_file.read(secrets / "fairlead-api-keys" / "keys.json").keys
    for service in (secrets / "fairlead-service-keys").iterdir():
        assert service.name in {key.name for key in keys}
        assert service.read_text() == service.read_text().strip()
    # Each key of each Secret that a pod asks for is among them.
    for chart in charts():
        for name, key in asked_for(render(chart).objects):
            if name != "fairlead-model-keys":
                assert (secrets / name / key).exists(), f"{chart} reads {key} of {name}"


def asked_for(part: Any) -> set[tuple[str, str]]:
    """Secrets and keys that pods cannot start without."""
    found: set[tuple[str, str]] = set()
    if isinstance(part, list):
        return found.union(*(asked_for(each) for each in part)) if part else found
    if isinstance(part, dict):
        reference, volume = part.get("secretKeyRef"), part.get("secret")
        if isinstance(reference, dict) and not reference.get("optional"):
            found.add((reference["name"], reference["key"]))
        if isinstance(volume, dict) and "secretName" in volume and not volume.get("optional"):
            found |= {(volume["secretName"], item["key"]) for item in volume.get("items", [])}
        return found.union(*(asked_for(each) for each in part.values()))
    return found


@pytest.mark.parametrize("text", [text for _, text in blocks("yaml")], ids=lambda text: text.splitlines()[0])
def test_values_that_are_shown_are_taken(text: str, tmp_path: Path) -> None:
    head = text.splitlines()[0].removeprefix("# ")
    if head == "prometheus.yaml":
        return
    every = head in ("common.yaml", "values of every chart")
    names = charts() if every else re.split(r", | and ", head.removeprefix("values of "))
    for name in names:
        render(name, values=yaml.safe_load(text))


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not on PATH")
def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    (text,) = (text for _, text in blocks("yaml") if text.startswith("# prometheus.yaml"))
    rules = tmp_path / "rules"
    rules.mkdir()
    for path in CHARTS.glob("*/alerts/*.yaml"):
        shutil.copy(path, rules / f"{path.parents[1].name}-{path.name}")
    (tmp_path / "prometheus.yaml").write_text(text.replace("/etc/prometheus/fairlead", str(rules)))
    done = subprocess.run(
        ["promtool", "check", "config", "--lint=none", str(tmp_path / "prometheus.yaml")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rule files found" in done.stdout


def test_the_ports_that_it_scrapes_are_those_that_have_metrics() -> None:
    (text,) = (text for _, text in blocks("yaml") if text.startswith("# prometheus.yaml"))
    (keep,) = re.findall(r"regex: fairlead;(\(.*\))", text)
    ports: dict[str, set[str]] = {}
    for chart in charts():
        for _, template in render(chart).pods():
            for container in template["spec"]["containers"]:
                ports.setdefault(chart, set()).update(
                    port["name"] for port in container.get("ports", []) if re.fullmatch(keep, port["name"])
                )
    without = {chart for chart in charts() if not ports.get(chart)}
    assert without == {"platform", "vector-store", "trace-store"}, "these have no metrics of their own"


def test_the_images_are_those_of_the_list(reader: Reader) -> None:
    (script,) = (text for _, text in blocks("bash") if "images.txt" in text and "template" in text)
    assert reader.run(script).returncode == 0
    images = (reader.folder / "images.txt").read_text().splitlines()
    listed = (ROOT / "docs" / "footprint.md").read_text(encoding="utf-8")
    assert len(images) == 8
    for image in images:
        known = image.replace("registry.example.com/fairlead/", "registry/").removesuffix(":3f9c2d1")
        assert f"`{known}`" in listed, image
