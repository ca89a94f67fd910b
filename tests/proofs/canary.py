"""A canary that is worse goes back by itself: Argo Rollouts asks Prometheus, and the stable version takes all again."""

import time
from typing import Any

from proofs.stage import Stage

NAME = "Bad release, by canary"
MONITORING = "monitoring"
VERSION = "v3.15.0"
REPLICAS = 5


def worse_canary(stage: Stage) -> None:
    """Two of five orchestrators are of a version whose answers are degraded."""
    cluster = stage.cluster
    install_prometheus(stage)
    rollout = {"enabled": True, "minutes": 2, "weights": [40], "leastAnswers": 5}
    commit = stage.merge(
        "Release the orchestrator by canaries",
        lambda clone: stage.values(clone, "orchestrator", {"rollout": rollout, "replicas": REPLICAS}),
    )
    stage.settled(commit)
    # The canary's pods reach no pool: each of their answers is degraded.
    worse = {"pool": {"url": "http://llm-proxy:9/v1"}}
    with stage.traffic(streams=1) as traffic:
        began = time.monotonic()
        stage.merge("A worse version", lambda clone: stage.values(clone, "orchestrator", worse))
        stage.until("the abort", lambda: _not_aborted(stage), 600)
        stage.note(
            NAME, "canary at 40 % whose answers are degraded: aborted after", f"{time.monotonic() - began:.0f} s", True
        )
        time.sleep(30)
        before = traffic.degraded
        time.sleep(20)
        later = traffic.degraded - before
        health = stage.application("orchestrator")["health"]["status"]
        stage.note(NAME, "degraded answers in 20 s after it; Argo CD says", f"{later}; {health}", later == 0)
    stage.note_traffic(NAME, "traffic meanwhile", traffic, degrades=True)
    stage.settled(stage.revert())
    found = cluster.get("rollout", "-n", stage.namespace, "orchestrator")["status"]["phase"]
    stage.note(NAME, "after the revert the rollout is", found, found == "Healthy")


def install_prometheus(stage: Stage) -> None:
    """A Prometheus that reads every monitor and rule, as the stack's would."""
    cluster, account = stage.cluster, {"name": "prometheus", "namespace": MONITORING}
    group = "rbac.authorization.k8s.io"
    rules = [
        {
            "apiGroups": [""],
            "resources": ["services", "endpoints", "pods"],
            "verbs": ["get", "list", "watch"],
        },
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
    ]
    everything: dict[str, Any] = {}
    cluster.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": "prometheus"}, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "prometheus"},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "prometheus"},
            "subjects": [{"kind": "ServiceAccount", **account}],
        },
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "Prometheus",
            "metadata": account,
            "spec": {
                "version": VERSION,
                "serviceAccountName": "prometheus",
                "serviceMonitorSelector": everything,
                "serviceMonitorNamespaceSelector": everything,
                "ruleSelector": everything,
                "ruleNamespaceSelector": everything,
                "resources": {"requests": {"cpu": "20m", "memory": "200Mi"}},
            },
        },
    )
    stage.until("Prometheus", lambda: _no_prometheus(stage), 300)


def _no_prometheus(stage: Stage) -> str:
    found = stage.cluster.get("statefulset", "-n", MONITORING, "prometheus-prometheus")
    return "" if found and found["status"].get("readyReplicas") else "not ready"


def _not_aborted(stage: Stage) -> str:
    found = stage.cluster.get("rollout", "-n", stage.namespace, "orchestrator")
    return "" if found["status"].get("abort") else f"phase {found['status'].get('phase')}"
