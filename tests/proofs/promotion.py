"""Promotion: test runs the very images that dev runs; what differs is values."""

from pathlib import Path
from typing import Any

from delivery import environments, image_set
from delivery.cluster import argo, local_values, vault
from delivery.promote import promote
from delivery.repository import Repository
from proofs.stage import SETTLE_S, Stage

NAME = "Promotion"
TARGET = "test"
ONE_EACH = ("orchestrator", "llm-proxy", "trace-collector")


def to_test(stage: Stage) -> None:
    """`make promote FROM=dev TO=test` in a clone of what the cluster reads, merged; then on to prod, in Git alone."""
    cluster, layout = stage.cluster, environments.read(stage.repository.root)
    replicated = "cloudnative-pg" in stage.operators
    vault.fill(cluster, TARGET, "vector-store-rw" if replicated else "vector-store")
    shared = stage.state / "shared" / TARGET
    shared.mkdir(parents=True, exist_ok=True)
    shared.chmod(0o777)
    cluster.apply(local_values.shared_volume(TARGET))

    def prepare(clone: Path) -> None:
        nothing = image_set.read(clone, TARGET)
        local_values.write(clone, TARGET, nothing, stage.operators, "172.16.0.0/12")
        if replicated:
            local_values.replicate_database(clone, TARGET, instances=3)
        for chart in ONE_EACH:
            local_values.lay_over(clone, TARGET, chart, {"replicas": 1})

    def merge(clone: Path) -> None:
        repository = Repository(clone)
        for source, target in ((stage.environment, TARGET), (TARGET, layout.environments[-1])):
            proposal = promote(repository, layout, source, target)
            repository.git("merge", "--quiet", "--ff-only", proposal.branch)

    stage.merge("Values of test in this cluster", prepare)
    commit = stage.merge("Promote", merge)
    secret = cluster.get("secret", "-n", argo.NAMESPACE, "in-cluster")
    labels: dict[str, str] = secret["metadata"]["labels"] | {f"fairlead.dev/environment-{TARGET}": "enabled"}
    labels.pop("argocd.argoproj.io/secret-type")
    argo.describe_cluster(cluster, labels)
    with stage.traffic(streams=1) as traffic:
        argo.refresh_until_seen(cluster, TARGET, layout.charts)
        argo.settled(cluster, TARGET, commit, layout.charts, 2 * SETTLE_S)
    stage.note_traffic(NAME, "traffic at dev while test comes up", traffic)
    here, there = _released(stage, stage.namespace), _released(stage, f"fairlead-{TARGET}")
    said = f"{len(here)} images, {len(here ^ there)} differ"
    stage.note(NAME, "images of the release in pods of both, by the digest that the node has", said, here == there)


def _released(stage: Stage, namespace: str) -> set[str]:
    """What runs there of the release; databases have versions of their own, and modes."""
    pods: list[dict[str, Any]] = stage.cluster.get("pods", "-n", namespace)["items"]
    statuses = [status for pod in pods for status in pod["status"].get("containerStatuses", [])]
    return {status["imageID"] for status in statuses if status["image"].endswith(f":{stage.images.tag}")}
