"""Network: every source × destination is tried and held against the table of who may reach whom."""

import json
from concurrent.futures import ThreadPoolExecutor

from delivery.cluster.workload import restricted
from proofs.stage import Stage

NAME = "Network"
DESTINATIONS = {
    "orchestrator": 8080,
    "llm-proxy": 8081,
    "local-models": 8082,
    "ingestion": 8083,
    "vector-store": 5432,
    "trace-store": 5000,
    "trace-collector": 4318,
}
API = "kubernetes API"
# Who may reach whom; whoever is not here reaches nobody. `(stranger)` is a pod of the namespace with no label of ours.
ALLOWED: dict[str, set[str]] = {
    "orchestrator": {"llm-proxy", "vector-store", "trace-collector", "trace-store", API},
    "llm-proxy": {"local-models", "vector-store", "trace-collector", API},
    "ingestion": {"llm-proxy", "vector-store", "trace-collector", API},
    "local-models": {"trace-collector"},
    "trace-collector/sampling": {"trace-store"},
    "trace-collector/buffer": {"vector-store"},
    "trace-collector/agent": set(),
    "trace-store": {"vector-store"},
    "vector-store": set(),
    "(stranger)": set(),
    # No policy of ours is there; what it may not reach is us.
    "(other namespace)": {API},
}
PROBE = """
import concurrent.futures, json, socket, sys
def reached(item):
    name, (host, port) = item
    try:
        socket.create_connection((host, port), timeout=3).close()
        return name, True
    except OSError:
        return name, False
targets = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    print(json.dumps(dict(pool.map(reached, targets.items()))))
"""
OTHER_NAMESPACE = "default"


def matrix(stage: Stage) -> None:
    """Try everything from pods that carry a source's labels, but serve nobody."""
    labels = {source: _labels(stage, source) for source in ALLOWED}
    services = {
        item["metadata"]["name"]: item for item in stage.cluster.get("services", "-n", stage.namespace)["items"]
    }
    targets = {
        name: (services[name]["spec"]["clusterIP"], port) for name, port in DESTINATIONS.items() if name in services
    }
    api = stage.cluster.get("service", "-n", "default", "kubernetes")["spec"]["clusterIP"]
    targets[API] = (api, 443)
    with ThreadPoolExecutor(4) as pool:
        results = dict(pool.map(lambda source: (source, _tried(stage, source, labels[source], targets)), ALLOWED))
    unexpected = [
        f"{source} {'reaches' if ok else 'cannot reach'} {name}"
        for source, found in results.items()
        for name, ok in found.items()
        if ok != (name in ALLOWED[source]) and source.split("/")[0] != name
    ]
    tried = sum(len(found) for found in results.values())
    said = f"{tried} pairs tried, {len(unexpected)} unexpected" + "".join(f"; {each}" for each in unexpected[:6])
    stage.note(NAME, "every source × destination", said, not unexpected)


def _labels(stage: Stage, source: str) -> dict[str, str] | None:
    """The labels that policies know a source by: those of its pods."""
    if source.startswith("("):
        return {} if source == "(stranger)" else None
    app, _, part = source.partition("/")
    pods = [pod for pod in stage.pods(app) if not part or f"-{part}-" in pod["metadata"]["name"]]
    found = pods[0]["metadata"]["labels"]
    return {name: text for name, text in found.items() if not name.endswith("pod-template-hash")}


def _tried(
    stage: Stage, source: str, labels: dict[str, str] | None, targets: dict[str, tuple[str, int]]
) -> dict[str, bool]:
    namespace = OTHER_NAMESPACE if labels is None else stage.namespace
    name = "probe-" + "".join(letter for letter in source if letter.isalnum())
    # Never ready, so that no Service sends anybody to it; and without the labels by which a controller would adopt it.
    spec = restricted(
        "probe",
        stage.images.name("orchestrator"),
        {},
        command=["python", "-c", "import time; time.sleep(600)"],
        readinessProbe={"exec": {"command": ["python", "-c", "raise SystemExit(1)"]}, "periodSeconds": 60},
        resources={"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"cpu": "500m", "memory": "64Mi"}},
    )
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "spec": {"restartPolicy": "Never", **spec},
    }
    cluster = stage.cluster
    cluster.apply(pod)
    try:
        stage.until(f"starting {name}", lambda: _not_running(stage, namespace, name), 120)
        place = ["-n", namespace, "exec", name, "--", "python", "-c", PROBE, json.dumps(targets)]
        return json.loads(cluster.kubectl(*place))
    finally:
        cluster.kubectl("-n", namespace, "delete", "pod", name, "--grace-period=0", "--force", "--wait=false")


def _not_running(stage: Stage, namespace: str, name: str) -> str:
    found = stage.cluster.get("pod", "-n", namespace, name)
    return "" if found and found["status"]["phase"] == "Running" else "not running"
