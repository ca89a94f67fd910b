"""A cluster that Terraform made, taken over by Argo CD: it is installed, told of the cluster, given root and vault."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.cluster import argo
from delivery.cluster.kind import ALWAYS, Kit
from delivery.cluster.kubernetes import Cluster, Object, until
from delivery.commands import DeliveryError, run

STORES = "clustersecretstores.external-secrets.io"
# Argo CD installs External Secrets first; on a slow machine its images take their time.
LONGEST_WAIT_S = 900.0


@dataclass(frozen=True)
class ContextCluster(Cluster):
    """A cluster by the name of its context, wherever it runs."""

    @property
    def context(self) -> str:
        """Its name in the kubeconfig."""
        return self.name


@dataclass(frozen=True)
class Ground:
    """What Terraform says of one cluster."""

    name: str
    secret: Object
    vault_access: list[Object]
    kubeconfig: str

    @property
    def remote_name(self) -> str:
        """What the cloud calls it; contexts end with it."""
        return self.secret["metadata"]["annotations"]["fairlead.dev/cluster"]


def ground(folder: Path, environment: str, name: str) -> Ground:
    """Read the outputs of an applied root. Raises DeliveryError where it or the cluster is not there."""
    tool = os.environ.get("TERRAFORM") or ("terraform" if shutil.which("terraform") else "tofu")
    settings = {**os.environ, "TF_DATA_DIR": f".terraform/{environment}"}
    outputs: dict[str, Any] = json.loads(run([tool, "output", "-json"], folder, settings))
    known = outputs.get("cluster_secrets", {}).get("value", {})
    if name not in known:
        made = ", ".join(sorted(known)) or "none: make tf-apply makes what clusters.csv says"
        raise DeliveryError(f"CLUSTER={name}: {folder.name}/{environment} has no such cluster; it has {made}")
    return Ground(name, known[name], outputs["vault_access"]["value"][name], outputs["kubeconfig"]["value"][name])


def reached(found: Ground, context: str = "") -> Cluster:
    """The cluster behind the context, or behind the current one. Raises DeliveryError where it is another cluster's."""
    context = context or run(["kubectl", "config", "current-context"], Path()).strip()
    if not context.endswith(found.remote_name):
        raise DeliveryError(f"kubectl's context {context} is not the cluster {found.name}. First: {found.kubeconfig}")
    return ContextCluster(context)


def bootstrap(cluster: Cluster, found: Ground, checkout: Path, repository: str, revision: str, kit: Kit) -> None:
    """Install Argo CD and give it the root; again, it changes nothing that is as it should be."""
    if kit.folder and found.secret["metadata"]["annotations"]["fairlead.dev/cloud"] == "kind":
        kit.load(Cluster(found.remote_name), *ALWAYS)
    argo.install(cluster, kit)
    cluster.apply(found.secret)
    argo.apply_root(cluster, checkout, repository, revision)
    if found.vault_access:
        until("Argo CD to install External Secrets", lambda: _lacking(cluster), LONGEST_WAIT_S)
        cluster.apply(*found.vault_access)


def _lacking(cluster: Cluster) -> str:
    """What the vault's manifests still wait for."""
    if cluster.get("crd", STORES) is None:
        return f"there is no {STORES}"
    waiting = cluster.get("deployment", "-n", "external-secrets", "external-secrets-webhook")
    ready = waiting is not None and waiting.get("status", {}).get("readyReplicas", 0) > 0
    return "" if ready else "the webhook of External Secrets is not ready"
