"""Promotion: test runs the very images that dev runs; what differs is values."""

from pathlib import Path
from typing import Any

from delivery import environments, image_set
from delivery.cluster import git_server, local_values
from delivery.cluster.up import api_of_guest
from delivery.commands import DeliveryError
from delivery.promote import promote
from delivery.repository import Repository
from proofs import beside
from proofs.beside import TARGET
from proofs.stage import Stage

NAME = "Promotion"
# Run in a pod of test; it prints what lacks.
LOOK_FOR_TRACE = """
import os, urllib.error, urllib.request
url = os.environ["FAIRLEAD_MLFLOW_URL"] + "/api/3.0/mlflow/traces/get?trace_id=tr-{trace}"
key = open(os.environ["FAIRLEAD_MLFLOW_AUTHORIZATION_FILE"]).read().strip()
try:
    urllib.request.urlopen(urllib.request.Request(url, headers={{"authorization": key}}))
except urllib.error.HTTPError as error:
    print(error)
"""


def to_test(stage: Stage) -> None:
    """`make promote FROM=dev TO=test` in a clone of what the cluster reads, merged; then on to prod, in Git alone."""
    cluster, layout = stage.cluster, environments.read(stage.repository.root)
    replicated = "cloudnative-pg" in stage.operators
    with git_server.checkout(cluster) as clone:
        before = image_set.read(clone, TARGET)

    def database(clone: Path) -> None:
        if replicated:
            local_values.replicate_database(clone, TARGET, instances=3)

    def merge(clone: Path) -> None:
        repository = Repository(clone)
        for source, target in ((stage.environment, TARGET), (TARGET, layout.environments[-1])):
            proposal = promote(repository, layout, source, target)
            repository.git("merge", "--quiet", "--ff-only", proposal.branch)

    beside.prepare(stage, before, "vector-store-rw" if replicated else "vector-store", database)
    commit = stage.merge("Promote", merge)
    with stage.traffic(streams=1) as traffic:
        beside.deploy(stage, commit)
    stage.note_traffic(NAME, "traffic at dev while test comes up", traffic)
    _borrows(stage)
    here, there = _released(stage, stage.namespace), _released(stage, beside.NAMESPACE)
    said = f"{len(there)}, of which {len(there - here)} are not dev's"
    stage.note(
        NAME, "images of the release in test, by the digest that the node has", said, bool(there) and there <= here
    )


def _borrows(stage: Stage) -> None:
    """Test has neither models nor a trace store; dev's embed its questions and keep its traces."""
    cluster, home = stage.cluster, beside.NAMESPACE
    with api_of_guest(cluster, TARGET) as client:
        answer = client.ask("Which knot makes a fixed loop?", client.store_of(stage.repository.root / "samples"))
    selector = "app.kubernetes.io/name=orchestrator"
    pod = cluster.get("pods", "-n", home, "-l", selector)["items"][0]["metadata"]["name"]
    code = LOOK_FOR_TRACE.format(trace=answer["trace_id"])

    def missing() -> str:
        try:
            return stage.inside(pod, code, namespace=home).strip()
        except DeliveryError as error:
            return str(error)[-200:]

    seconds = stage.until("its trace", missing, 120)
    said = f"{len(answer['citations'])} citations, degraded {answer['degraded']}, its trace there after {seconds:.0f} s"
    stage.note(NAME, "test, with the models and the trace store of dev", said, bool(answer["citations"]))


def _released(stage: Stage, namespace: str) -> set[str]:
    """What runs there of the release; databases have versions of their own, and modes."""
    pods: list[dict[str, Any]] = stage.cluster.get("pods", "-n", namespace)["items"]
    statuses = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
    return {status["imageID"] for status in statuses if status["image"].endswith(f":{stage.images.tag}")}
