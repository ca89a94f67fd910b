"""`make bootstrap CLUSTER=…`: what Terraform says reaches the right cluster, in order, or is refused in words."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from delivery.cluster import bootstrap as module
from delivery.cluster.bootstrap import ContextCluster, Ground, bootstrap, ground, reached
from delivery.cluster.kind import Kit
from delivery.commands import DeliveryError

ROOT = Path(__file__).parents[3]
STORE = {"apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore", "metadata": {"name": "fairlead"}}


def outputs(*, vault: bool) -> dict[str, Any]:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "in-cluster",
            "namespace": "argocd",
            "annotations": {"fairlead.dev/cluster": "fairlead-dev-main", "fairlead.dev/cloud": "aws"},
        },
    }
    return {
        "cluster_secrets": {"value": {"dev-main": secret}},
        "vault_access": {"value": {"dev-main": [STORE] if vault else []}},
        "kubeconfig": {"value": {"dev-main": "aws eks update-kubeconfig --name fairlead-dev-main"}},
    }


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of stand-ins for terraform and kubectl; kubectl notes what it is asked and given."""
    (tmp_path / "outputs.json").write_text(json.dumps(outputs(vault=True)))
    programs = {
        "terraform": f'test "$TF_DATA_DIR" = .terraform/dev && cat {tmp_path}/outputs.json',
        "kubectl": f"""
          echo "$*" >> {tmp_path}/asked
          case "$*" in
            "config current-context") echo arn:aws:eks:eu-central-1:111122223333:cluster/fairlead-dev-main ;;
            *" -f -"*) cat >> {tmp_path}/applied; echo >> {tmp_path}/applied ;;
            *" -f "*.yaml) cat "${{@: -1}}" >> {tmp_path}/applied ;;
            *"get deployment"*) echo '{{"status": {{"readyReplicas": 1}}}}' ;;
            *"get crd"*) echo '{{}}' ;;
          esac""",
    }
    for name, body in programs.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("TERRAFORM", raising=False)
    return tmp_path


def test_a_cluster_is_told_of_itself_then_of_the_root_then_of_its_vault(tools: Path, tmp_path: Path) -> None:
    found = ground(tmp_path, "dev", "dev-main")
    bootstrap(reached(found), found, ROOT, "https://git.example/fork.git", "main", Kit(None))
    applied = (tools / "applied").read_text()
    places = [applied.index(text) for text in ('"in-cluster"', "https://git.example/fork.git", '"ClusterSecretStore"')]
    assert places == sorted(places)
    asked = (tools / "asked").read_text()
    assert "--context arn:aws:eks:eu-central-1:111122223333:cluster/fairlead-dev-main" in asked


def test_without_a_vault_nothing_is_waited_for(tools: Path, tmp_path: Path) -> None:
    (tools / "outputs.json").write_text(json.dumps(outputs(vault=False)))
    found = ground(tmp_path, "dev", "dev-main")
    bootstrap(reached(found), found, ROOT, "", "", Kit(None))
    assert "external-secrets" not in (tools / "asked").read_text()


def test_another_cluster_s_context_is_refused_with_the_command_to_run(tools: Path, tmp_path: Path) -> None:
    found = ground(tmp_path, "dev", "dev-main")
    with pytest.raises(DeliveryError, match=r"is not the cluster dev-main\. First: aws eks update-kubeconfig"):
        reached(found, "kind-something-else")


def test_a_cluster_that_terraform_did_not_make_is_named_with_those_it_made(tools: Path, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match=r"CLUSTER=prod-main: .*/dev has no such cluster; it has dev-main"):
        ground(tmp_path, "dev", "prod-main")


def test_what_the_vault_waits_for_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare(ContextCluster):
        def get(self, *arguments: str) -> Any:
            return None

    monkeypatch.setattr(module, "LONGEST_WAIT_S", 0.0)
    monkeypatch.setattr(module.argo, "install", lambda *_: None)
    monkeypatch.setattr(module.argo, "apply_root", lambda *_: None)
    monkeypatch.setattr(Bare, "apply", lambda *_: None)
    found = Ground("dev-main", outputs(vault=True)["cluster_secrets"]["value"]["dev-main"], [STORE], "")
    with pytest.raises(DeliveryError, match="External Secrets took longer than 0 s: there is no clustersecretstores"):
        bootstrap(Bare("x"), found, ROOT, "", "", Kit(None))


def test_a_kit_brings_images_into_a_kind_cluster(tools: Path, tmp_path: Path) -> None:
    said = outputs(vault=False)
    said["cluster_secrets"]["value"]["dev-main"]["metadata"]["annotations"] = {
        "fairlead.dev/cluster": "dev-main",
        "fairlead.dev/cloud": "kind",
    }
    (tools / "outputs.json").write_text(json.dumps(said))
    (tmp_path / "addons").mkdir()
    (tmp_path / "addons/addons.load").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/loaded\n')
    (tmp_path / "addons/addons.load").chmod(0o755)
    found = ground(tmp_path, "dev", "dev-main")
    bootstrap(reached(found, "kind-dev-main"), found, ROOT, "", "", Kit(tmp_path))
    assert (tmp_path / "loaded").read_text().split() == ["dev-main", "argocd", "otelcol"]
    assert "--context kind-dev-main" in (tools / "asked").read_text()
