"""What is kept when a proof breaks, and docs/proofs.md, which is written when they are done."""

import json
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from delivery.cluster import argo
from proofs.stage import Figure, Stage

INTRODUCTION = """Written by `make e2e`, which makes a kind cluster, has Argo CD deploy this checkout from a Git server
in it, and does what each line says; `make e2e PROOFS=retune,deploy` holds some. Traffic means: four questions a second
and three streams of 30 s at any time, each on a connection of its own; failed is whatever is not a whole answer,
degraded one that says what it had to do without."""


def save(stage: Stage, folder: Path) -> None:
    """Logs of every pod, events, and Argo CD's view, as files."""
    folder.mkdir(parents=True, exist_ok=True)
    commands = {
        "pods.txt": ("get", "pods", "-n", stage.namespace, "-o", "wide"),
        "events.txt": ("get", "events", "-n", stage.namespace, "--sort-by=.lastTimestamp"),
        "applications.yaml": ("get", "applications", "-n", argo.NAMESPACE, "-o", "yaml"),
    }
    for pod in stage.cluster.get("pods", "-n", stage.namespace)["items"]:
        name = pod["metadata"]["name"]
        common = ("logs", "-n", stage.namespace, name, "--all-containers", "--tail=400")
        commands[f"{name}.log"] = common
        if any(status["restartCount"] for status in pod["status"].get("containerStatuses", [])):
            commands[f"{name}.previous.log"] = (*common, "--previous")
    for file, arguments in commands.items():
        done = subprocess.run(stage.cluster.command(*arguments), capture_output=True, text=True, check=False)
        (folder / file).write_text(done.stdout + done.stderr, encoding="utf-8")


def write(path: Path, figures: Sequence[Figure], again: str, commit: str, nodes: int) -> None:
    """The table of all figures. Figures of proofs that were not held this time stay as they were.

    `again`: what was just held; that it broke off the last time is no longer said.
    """
    kept = path.with_name(f"{path.stem}.json")
    known: list[dict[str, object]] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    held = {again, *(figure.proof for figure in figures)}
    about = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit[:12], "nodes": nodes}
    entries = [each for each in known if each["proof"] not in held]
    entries += [vars(figure) | about for figure in figures]
    kept.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    lines = [
        "# Proofs on a real cluster",
        "",
        INTRODUCTION,
        "",
        f"Two cores, shared with other work, for the cluster, its load and the builds ({platform.machine()}).",
    ]
    for proof in dict.fromkeys(str(each["proof"]) for each in entries):
        lines += ["", f"## {proof}", "", "| what | figure | held | on |", "|---|---|---|---|"]
        for each in entries:
            if each["proof"] == proof:
                nodes_said = f"{each['nodes']} node{'s' if each['nodes'] != 1 else ''}"
                value = str(each["value"]).replace("|", "\\|").replace("\n", " ")
                lines.append(
                    f"| {each['what']} | {value} | {'yes' if each['held'] else '**no**'} "
                    f"| {each['date']}, {each['commit']}, {nodes_said} |"
                )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
