"""Messages about deployments, judged by Argo CD's own command: when each is sent, and what it says."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.rendering import needs_helm
from charts.test_argocd import EVERYTHING, application, named, root

pytestmark = [
    needs_helm,
    pytest.mark.skipif(shutil.which("argocd") is None, reason="argocd is not on PATH"),
]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# The command wants a cluster in its configuration, and asks it nothing.
NOWHERE = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none", "namespace": "argocd"}}],
    "users": [{"name": "none", "user": {}}],
    "current-context": "none",
}


def notifications(folder: Path, status: dict[str, Any], *arguments: str) -> str:
    """What `argocd admin notifications` says of an application with this status."""
    app = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "dev-orchestrator", "namespace": "argocd"},
        "status": status,
    }
    config = named(root(EVERYTHING), "ConfigMap", "argocd-notifications-cm")
    for name, content in {"app": app, "config": config, "kubeconfig": NOWHERE}.items():
        (folder / name).write_text(yaml.safe_dump(content))
    *command, subject = arguments
    options = ["--config-map=config", "--secret=:empty", "--kubeconfig=kubeconfig", "--argocd-repo-server-plaintext"]
    done = subprocess.run(
        ["argocd", "admin", "notifications", *command, subject, "app", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def status(phase: str, health: str, **operation: Any) -> dict[str, Any]:
    state = {"phase": phase, "startedAt": "2026-01-01T00:00:00Z", "message": "", "operation": {}} | operation
    return {"health": {"status": health}, "operationState": {"syncResult": {"revision": COMMIT}} | state}


@pytest.mark.parametrize(
    ("situation", "sent"),
    [
        (status("Succeeded", "Healthy"), {"on-deployed"}),
        (status("Succeeded", "Progressing"), set[str]()),
        (status("Succeeded", "Degraded"), {"on-degraded"}),
        (status("Running", "Healthy"), set[str]()),
        (status("Running", "Healthy", retryCount=3), set[str]()),
        (status("Running", "Healthy", retryCount=4), {"on-failed"}),
        (status("Failed", "Healthy"), {"on-failed"}),
        ({}, set[str]()),
    ],
)
def test_a_message_is_sent_when_something_happened(situation: dict[str, Any], sent: set[str], tmp_path: Path) -> None:
    said = {
        trigger: notifications(tmp_path, situation, "trigger", "run", trigger)
        for trigger in ("on-deployed", "on-failed", "on-degraded")
    }
    assert {trigger for trigger, text in said.items() if text.rstrip().endswith("true")} == sent


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("deployed", "dev-orchestrator runs commit 0123456789ab"),
        ("failed", 'dev-orchestrator cannot be deployed: Job "migration" failed:\nsee its log'),
        ("degraded", "dev-orchestrator is degraded: see its resources in Argo CD"),
    ],
)
def test_a_message_is_plain_for_grafana_and_json_for_a_chat(template: str, text: str, tmp_path: Path) -> None:
    situation = status("Succeeded", "Healthy", message='Job "migration" failed:\nsee its log')
    message = yaml.safe_load(notifications(tmp_path, situation, "template", "notify", template))
    assert message["message"] == text
    assert json.loads(message["webhook"]["chat"]["body"]) == {
        "text": f"{text} https://argocd.example/applications/dev-orchestrator"
    }


def test_applications_subscribe_to_what_is_switched_on() -> None:
    prefix = "notifications.argoproj.io/subscribe."
    notes = application("dev", EVERYTHING)["metadata"]["annotations"]
    assert {key.removeprefix(prefix): value for key, value in notes.items() if key.startswith(prefix)} == {
        "on-deployed.grafana": "deployment|fairlead|dev|{{ .chart }}",
        "on-deployed.chat": "",
        "on-failed.chat": "",
        "on-degraded.chat": "",
    }
    assert not [key for key in application("dev")["metadata"]["annotations"] if key.startswith(prefix)]
