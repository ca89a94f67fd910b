"""Pods: evicted, killed for memory, drained, saturated, with a dependency down. Liveness blames nobody else."""

import json
import subprocess
import time
from datetime import datetime

from proofs.stage import Stage
from proofs.traffic import flowing

NAME = "Pods"
DEPENDENCY_DOWN_S = 60
# From a container's death until no request is sent to its pod.
UNTIL_KNOWN_S = 5
# The kernel kills the largest: small processes take what memory the container has, and the service is larger than each.
HUNGRY = """
import os, time
open("/proc/1/oom_score_adj", "w").write("1000")
while True:
    if os.fork() == 0:
        held = bytearray(12 << 20)
        time.sleep(60)
        os._exit(0)
"""
OURS = ("orchestrator", "llm-proxy", "local-models", "ingestion")


def eviction(stage: Stage) -> None:
    """One pod of each service is evicted, as an autoscaler of nodes does."""
    with stage.traffic() as traffic:
        for app in ("orchestrator", "llm-proxy"):
            pod = stage.pods(app)[0]["metadata"]["name"]
            _evict(stage, pod)
            stage.until(f"a new pod of {app}", lambda app=app: _unready(stage, app), 180)
        time.sleep(35)
    stage.note_traffic(NAME, "a pod of the orchestrator and one of the pool evicted", traffic)


def killed_for_memory(stage: Stage) -> None:
    """The kernel kills an orchestrator at its memory limit; what it was answering is lost, the others are not."""
    before = _restarts(stage, "orchestrator")
    with stage.traffic(streams=0) as traffic:
        pod = stage.pods("orchestrator")[0]["metadata"]["name"]
        subprocess.run(
            stage.cluster.command("-n", stage.namespace, "exec", pod, "--", "python", "-c", HUNGRY),
            capture_output=True,
            check=False,
        )
        stage.until("its restart", lambda: "" if _restarts(stage, "orchestrator") > before else "none yet", 120)
        stage.until("its being ready", lambda: _unready(stage, "orchestrator"), 120)
        time.sleep(5)
    killed = _restarts(stage, "orchestrator") - before
    # What it had begun is cut with it, and what comes until its Service knows that it is gone.
    times = [datetime.strptime(failure[:8], "%H:%M:%S") for failure in traffic.failures]
    seconds = int((max(times) - min(times)).total_seconds()) + 1 if times else 0
    said = f"{traffic.figure()}{f', within {seconds} s' if times else ''}"
    held = killed > 0 and seconds <= UNTIL_KNOWN_S
    stage.note(NAME, f"an orchestrator killed for memory ({killed} restart)", said, held)


def dependency_down(stage: Stage) -> None:
    """Postgres stands still for a minute."""
    before = {app: _restarts(stage, app) for app in OURS}
    node = stage.pods("vector-store")[0]["spec"]["nodeName"]
    with stage.traffic(streams=0) as traffic:
        _signal(node, "STOP")
        try:
            time.sleep(DEPENDENCY_DOWN_S)
            during = len(traffic.failures)
        finally:
            _signal(node, "CONT")
        stage.until("answers again", stage.unanswered, 120)
        at_end = len(traffic.failures)
        time.sleep(15)
    restarted = {app: _restarts(stage, app) - count for app, count in before.items()}
    total = sum(restarted.values())
    stage.note(NAME, f"Postgres stands still for {DEPENDENCY_DOWN_S} s: restarts by liveness", str(total), total == 0)
    codes = {failure.split()[1] for failure in traffic.failures}
    said = f"{during} refused with {', '.join(sorted(codes))}; {len(traffic.failures) - at_end} after it was back"
    stage.note(NAME, "questions meanwhile", said, codes <= {"503", "504"} and len(traffic.failures) == at_end)


def saturation(stage: Stage) -> None:
    """More streams than the orchestrators take: some are refused with 503, no pod restarts, and then all is well."""
    settings = {"env": {"FAIRLEAD_MAX_OPEN_ANSWERS": "10"}}
    stage.settled(stage.merge("Take few answers", lambda clone: stage.values(clone, "orchestrator", settings)))
    client, before = stage.client, _restarts(stage, "orchestrator")
    with flowing(client.url, client.key, stage.store, streams=40, apart_s=0.1) as crowd:
        time.sleep(20)
        crowd_failures = list(crowd.failures)
    others = [failure for failure in crowd_failures if " 503 " not in failure]
    restarted = _restarts(stage, "orchestrator") - before
    stage.settled(stage.revert())
    refused = len(crowd_failures) - len(others)
    said = f"{refused} refused with 503, {len(others)} failed otherwise, {restarted} restarts"
    held = restarted == 0 and refused > 0 and not others
    stage.note(NAME, "40 streams at orchestrators that take 20", said, held)
    for failure in others[:5]:
        print(f"         {failure}", flush=True)


def drained_node(stage: Stage) -> None:
    """A worker is drained, as for an upgrade of its kubelet, and comes back."""
    nodes = [node["metadata"]["name"] for node in stage.cluster.get("nodes")["items"]]
    workers = [node for node in nodes if "control-plane" not in node]
    if len(workers) < 2:
        stage.note(NAME, "node drain", "not held: the cluster has no two workers", False)
        return
    # Not the one with the database of one node, whose move is a downtime by choice of mode `single`.
    database = stage.pods("vector-store")[0]["spec"]["nodeName"]
    (worker, *_) = [node for node in workers if node != database]
    with stage.traffic() as traffic:
        command = ["kubectl", "--context", stage.cluster.context, "drain", worker, "--ignore-daemonsets"]
        subprocess.run([*command, "--delete-emptydir-data", "--timeout=600s"], check=True, capture_output=True)
        for app in ("orchestrator", "llm-proxy", "local-models"):
            stage.until(f"{app} elsewhere", lambda app=app: _unready(stage, app), 300)
        time.sleep(35)
    stage.cluster.kubectl("uncordon", worker)
    # The embedder has one pod here: while it moves, questions are answered by keywords alone, and say so.
    stage.note_traffic(NAME, "a worker drained", traffic, degrades=True)


def _evict(stage: Stage, pod: str) -> None:
    metadata = {"name": pod, "namespace": stage.namespace}
    body = json.dumps({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata})
    path = f"/api/v1/namespaces/{stage.namespace}/pods/{pod}/eviction"
    command = stage.cluster.command("create", "--raw", path, "-f", "-")
    subprocess.run(command, input=body, text=True, check=True, capture_output=True)


def _unready(stage: Stage, app: str) -> str:
    """What lacks until as many pods of the service are ready as it is to have."""
    ready = len(stage.ready(app))
    wanted = stage.cluster.get("deployment", "-n", stage.namespace, app)["spec"]["replicas"]
    return "" if ready >= wanted else f"{ready} of {wanted} pods are ready"


def _restarts(stage: Stage, app: str) -> int:
    statuses = [status for pod in stage.pods(app) for status in pod["status"].get("containerStatuses", [])]
    return sum(status["restartCount"] for status in statuses)


def _signal(node: str, signal: str) -> None:
    """To the database server, from its node: inside its container nobody can stop the first process."""
    subprocess.run(["docker", "exec", node, "pkill", f"-{signal}", "-f", "postgres"], check=True, capture_output=True)
