"""Retune: an edit in Git or by kubectl is in force in every pod; a bad one is refused, and outlived by restarts."""

import json
import time

from proofs.stage import Stage

NAME = "Retune"
QUICK_S = 0.05
MOST_S = 2.0


def by_git(stage: Stage) -> None:
    """top-k and temperature by a commit, through Argo CD."""
    with stage.traffic(streams=1) as traffic:
        began = time.time()
        before = set(traffic.asked_last)
        values = {"tunables": {"top_k": 3, "temperature": 0.4}}
        stage.merge("Retune the answers", lambda clone: stage.values(clone, "orchestrator", values))
        stage.until("the new values", lambda: "" if set(traffic.asked_last) - before else "old values only")
        time.sleep(5)
        old = max(traffic.asked_last[each] for each in before)
        stage.note(
            NAME, "top-k and temperature by Git: commit → last answer by the old ones", f"{old - began:.0f} s", True
        )
    stage.note_traffic(NAME, "traffic meanwhile", traffic)


def by_kubectl(stage: Stage) -> None:
    """The same by kubectl, three times."""
    took: list[float] = []
    with stage.traffic(streams=0, pause_s=QUICK_S) as traffic:
        for top_k in (4, 5, 7):
            before = set(traffic.asked_last)
            patch(stage, {"top_k": str(top_k), "temperature": f"0.{top_k}"})
            changed = time.time()
            time.sleep(6)
            took.append(max(0.0, max(traffic.asked_last[each] for each in before) - changed))
    hashes = {stage.config_of(pod["metadata"]["name"])["hash"] for pod in stage.pods("orchestrator")}
    stage.note(
        NAME,
        "by kubectl: ConfigMap changed → last answer by the old values",
        ", ".join(f"{each:.1f} s" if each else "none after the edit" for each in took),
        max(took) <= MOST_S,
    )
    stage.note(
        NAME,
        "hashes of all pods afterwards",
        f"{len(hashes)} in {len(stage.pods('orchestrator'))} pods",
        len(hashes) == 1,
    )
    stage.note_traffic(NAME, "traffic meanwhile", traffic)


def invalid(stage: Stage) -> None:
    """A value out of range: refused and said so, old answers; pods that start then have the last good values."""
    good = {stage.config_of(pod["metadata"]["name"])["hash"] for pod in stage.pods("orchestrator")}
    with stage.traffic(streams=0) as traffic:
        patch(stage, {"top_k": "-1"})
        names = [pod["metadata"]["name"] for pod in stage.pods("orchestrator")]
        stage.until(
            "the refusal", lambda: "" if all(stage.config_of(n)["success"] == 0 for n in names) else "not refused", 30
        )
        stage.note(NAME, "top_k: -1: fairlead_config_reload_success", "0 in every pod", True)
        stage.cluster.kubectl("-n", stage.namespace, "delete", "pod", names[0], "--wait=false")
        stage.until("the new pod", lambda: _not_ready(stage, names[0]), 180)
        found = {stage.config_of(pod["metadata"]["name"])["hash"] for pod in stage.pods("orchestrator")}
        stage.note(
            NAME, "pod started meanwhile", "on the last good values" if found == good else f"{found}", found == good
        )
        patch(stage, {"top_k": "6"})
        time.sleep(3)
    stage.note_traffic(NAME, "traffic meanwhile", traffic)


def patch(stage: Stage, values: dict[str, str]) -> None:
    """Edit the orchestrator's tunables as a person with kubectl does."""
    body = json.dumps({"data": values})
    stage.cluster.kubectl("-n", stage.namespace, "patch", "configmap", "orchestrator-tunables", "-p", body)


def _not_ready(stage: Stage, old: str) -> str:
    names, pods = stage.ready("orchestrator"), stage.pods("orchestrator")
    return "" if old not in names and len(names) == len(pods) and len(pods) > 1 else f"ready: {sorted(names)}"
