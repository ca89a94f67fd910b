"""Argo CD in a cluster of one's own: installed, told of this cluster, given the root, waited for."""

from pathlib import Path
from typing import Any

from delivery import root_file
from delivery.cluster import argo_api
from delivery.cluster.argo_api import NAMESPACE
from delivery.cluster.kind import Kit
from delivery.cluster.kubernetes import Cluster, until
from delivery.commands import DeliveryError, run

# What `make up` installs where no kit does.
MANIFEST = "https://raw.githubusercontent.com/argoproj/argo-cd/v3.2.11/manifests/install.yaml"
# The cluster that Argo CD itself is in, and the label that says what is deployed there.
OURSELVES = "in-cluster"
ENVIRONMENT = "fairlead.dev/environment"
REFRESH = "argocd.argoproj.io/refresh=normal"
REFRESH_SET = "argocd.argoproj.io/application-set-refresh=true"


def install(cluster: Cluster, kit: Kit) -> None:
    """Install it, unless it is there."""
    if cluster.get("deployment", "-n", NAMESPACE, "argocd-repo-server") is None:
        cluster.namespace(NAMESPACE)
        if kit.folder:
            kit.install("argocd")
        else:
            run(cluster.command("apply", "-n", NAMESPACE, "--server-side", "--force-conflicts", "-f", MANIFEST), Path())
    workloads = (
        "deployment/argocd-redis",
        "deployment/argocd-repo-server",
        "statefulset/argocd-application-controller",
    )
    cluster.rolled_out(NAMESPACE, *workloads)


def describe_cluster(cluster: Cluster, environments: list[str], operators: dict[str, str]) -> None:
    """What Terraform's bridge does elsewhere: one Secret whose labels say which environments and operators it has.

    The first environment is the cluster's, the others are further ones. `operators`: `installed` or `enabled`; those
    that it had before stay.
    """
    first, *others = environments
    labels = {
        **_labels(cluster),
        "argocd.argoproj.io/secret-type": "cluster",
        ENVIRONMENT: first,
        **{f"{ENVIRONMENT}-{name}": "enabled" for name in others},
        **{f"fairlead.dev/addon-{name}": state for name, state in operators.items()},
    }
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": OURSELVES, "namespace": NAMESPACE, "labels": labels},
            "stringData": {"name": OURSELVES, "server": "https://kubernetes.default.svc", "config": "{}"},
        }
    )


def environments(cluster: Cluster) -> list[str]:
    """The environments that the cluster was described to have; its first one first."""
    labels = _labels(cluster)
    further = [label.removeprefix(f"{ENVIRONMENT}-") for label in labels if label.startswith(f"{ENVIRONMENT}-")]
    return [labels[ENVIRONMENT], *sorted(further)] if ENVIRONMENT in labels else []


def forget_environment(cluster: Cluster, environment: str) -> None:
    """Take a further environment off the cluster's description; its applications go, what they deployed stays."""
    cluster.kubectl("label", "secret", "-n", NAMESPACE, OURSELVES, f"{ENVIRONMENT}-{environment}-")


def applications(cluster: Cluster, environment: str) -> list[str]:
    """The names of the environment's applications."""
    selector = f"fairlead.dev/environment={environment}"
    return [item["metadata"]["name"] for item in cluster.get("applications", "-n", NAMESPACE, "-l", selector)["items"]]


def _labels(cluster: Cluster) -> dict[str, str]:
    secret = cluster.get("secret", "-n", NAMESPACE, OURSELVES)
    return secret["metadata"].get("labels", {}) if secret else {}


def apply_root(cluster: Cluster, checkout: Path, repository: str, revision: str = "main") -> None:
    """Apply the one file that everything follows from."""
    text = root_file.text(checkout, repository, revision)
    path = checkout / ".root.applied.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        cluster.kubectl("apply", "-n", NAMESPACE, "--server-side", "--force-conflicts", "-f", str(path))
    finally:
        path.unlink()


def refresh(cluster: Cluster) -> None:
    """Have Argo CD look at Git now; by itself it looks every two minutes."""
    for kind, note in (("applications", REFRESH), ("applicationsets", REFRESH_SET)):
        cluster.kubectl("annotate", kind, "--all", "-n", NAMESPACE, note, "--overwrite")


def refresh_until_seen(cluster: Cluster, environment: str, charts: tuple[str, ...], timeout_s: float = 120.0) -> None:
    """Wait until the root has made the environment's applications, and have all of them look at Git now."""

    def missing() -> str:
        refresh(cluster)
        found = {item["metadata"]["name"] for item in cluster.get("applications", "-n", NAMESPACE)["items"]}
        return ", ".join(f"{environment}-{chart}" for chart in charts if f"{environment}-{chart}" not in found)

    until("Argo CD's reading of the root", missing, timeout_s)


def settled(cluster: Cluster, environment: str, commit: str, charts: tuple[str, ...], timeout_s: float) -> None:
    """Wait until every application of the environment is what that commit says, and healthy.

    DeliveryError says of those that are not which of their parts is unwell, and why.
    """

    def missing() -> str:
        return "; ".join(_open_points(cluster, environment, commit, charts))

    try:
        until(f"deploying {environment}", missing, timeout_s)
    except DeliveryError as error:
        names = [f"{environment}-{chart}" for chart in charts if _open_points(cluster, environment, commit, (chart,))]
        parts = [f"{name}: {part}" for name in names for part in argo_api.unwell(cluster, name)]
        raise DeliveryError("\n".join([str(error), *parts])) from error


def _open_points(cluster: Cluster, environment: str, commit: str, charts: tuple[str, ...]) -> list[str]:
    found = {item["metadata"]["name"]: item for item in cluster.get("applications", "-n", NAMESPACE)["items"]}
    points: list[str] = []
    for chart in charts:
        name = f"{environment}-{chart}"
        if name not in found:
            points.append(f"{name} is not there yet")
            continue
        status = found[name].get("status", {})
        sync, health = status.get("sync", {}), status.get("health", {}).get("status", "Unknown")
        if sync.get("revision") != commit:
            points.append(f"{name} has not seen the commit yet")
        elif sync.get("status") != "Synced" or health != "Healthy":
            why = status.get("operationState", {}).get("message", "")
            points.append(f"{name} is {sync.get('status')}, {health} {why}".rstrip())
        elif unfinished := _unfinished(status, commit):
            points.append(f"{name} is syncing: {unfinished}")
    return points


def _unfinished(status: dict[str, Any], commit: str) -> str:
    """What a sync to that commit still does, or failed by; a failed one to an earlier commit has no say any more."""
    operation = status.get("operationState", {})
    # None at all: it was as it should be when Argo CD first saw it.
    phase = operation.get("phase", "Succeeded")
    earlier = argo_api.revision_of(operation) != commit
    if phase == "Succeeded" or (phase in ("Failed", "Error") and earlier):
        return ""
    return operation.get("message", "") or phase
