"""Test beside dev on one cluster: brought up with the models and the trace store of dev, and taken away."""

from collections.abc import Callable
from pathlib import Path

from delivery import environments
from delivery.cluster import argo, git_server, guest, kind, local_values, vault
from delivery.image_set import ImageSet
from proofs.stage import SETTLE_S, Stage

TARGET = "test"
NAMESPACE = f"fairlead-{TARGET}"


def prepare(stage: Stage, images: ImageSet, database_host: str, change: Callable[[Path], None]) -> str:
    """Its secrets, its volume, and its values in Git with what `change` adds; the commit."""
    cluster = stage.cluster
    vault.fill(cluster, TARGET, database_host)
    guest.admit(cluster, TARGET, stage.environment)
    kind.share_folder(stage.state, TARGET)
    cluster.apply(local_values.shared_volume(TARGET))

    def values(clone: Path) -> None:
        local_values.write(clone, TARGET, images, stage.operators, "172.16.0.0/12")
        guest.share(clone, TARGET, stage.environment)
        change(clone)

    return stage.merge(f"Values of {TARGET} in this cluster", values)


def deploy(stage: Stage, commit: str) -> None:
    """Have Argo CD deploy it, and wait until it is what that commit says."""
    cluster = stage.cluster
    argo.describe_cluster(cluster, [stage.environment, TARGET], {})
    with git_server.checkout(cluster) as clone:
        charts = environments.read(clone).charts_of(TARGET)
    argo.refresh_until_seen(cluster, TARGET, charts)
    argo.settled(cluster, TARGET, commit, charts, 2 * SETTLE_S)
