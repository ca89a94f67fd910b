"""The kind cluster itself: made, given images, taken away. A kit may stand in for registries that cannot be reached."""

import os
from dataclasses import dataclass
from pathlib import Path

import yaml

from delivery.cluster.kubernetes import Cluster
from delivery.commands import DeliveryError, run, run_visibly

# The kind cluster's port that the orchestrator is entered by, and where this machine shows it.
ENTRY_NODE_PORT = 30080
# Operators that `make up` installs, by the name of their label, with what a kit calls them (images, manifests).
OPERATORS = {
    "external-secrets": (("external-secrets",), "external-secrets"),
    "kube-prometheus-stack": (("prometheus-operator", "prometheus"), "prometheus-operator"),
    "argo-rollouts": (("rollouts",), "rollouts"),
    "cloudnative-pg": (("cloudnative-pg", "postgres"), "cloudnative-pg"),
    "metrics-server": (("metrics-server",), "metrics-server"),
    "keda": (("keda",), "keda"),
    "traefik": (("traefik",), "traefik"),
}
# What everybody needs beside operators.
ALWAYS = ("argocd", "otelcol")
# A folder that all nodes share, for volumes that pods on several nodes mount.
SHARED = "/var/lib/fairlead-shared"


@dataclass(frozen=True)
class Kit:
    """A folder with `up`, `addons/addons.load` and `addons/addons.install`; none: public registries are used."""

    folder: Path | None

    @classmethod
    def from_environment(cls) -> "Kit":
        """The folder that CLUSTER_KIT names."""
        named = os.environ.get("CLUSTER_KIT", "")
        if named and not (Path(named) / "up").exists():
            raise DeliveryError(f"CLUSTER_KIT={named}: there is no {named}/up; leave it empty to use public registries")
        return cls(Path(named).resolve() if named else None)

    def prepare(self) -> None:
        """Make this machine able to run kind."""
        if self.folder:
            run_visibly([str(self.folder / "up")], Path())

    def load(self, cluster: Cluster, *components: str) -> None:
        """Put these components' images into the nodes."""
        if self.folder:
            run_visibly([str(self.folder / "addons/addons.load"), cluster.name, *components], Path())

    def install(self, *components: str) -> None:
        """Apply the components' own manifests to the current context."""
        assert self.folder is not None
        run_visibly([str(self.folder / "addons/addons.install"), *components], Path())


def exists(cluster: Cluster) -> bool:
    """Whether there is a cluster of this name."""
    return cluster.name in run(["kind", "get", "clusters"], Path()).split()


def create(cluster: Cluster, folder: Path, port: int, workers: int) -> None:
    """Make the cluster; its entry is shown on the loopback address alone."""
    shared = share_folder(folder)
    mounts = [{"hostPath": str(shared.resolve()), "containerPath": SHARED}]
    entry = {"containerPort": ENTRY_NODE_PORT, "hostPort": port, "listenAddress": "127.0.0.1"}
    nodes = [{"role": "control-plane", "extraPortMappings": [entry], "extraMounts": mounts}]
    nodes += [{"role": "worker", "extraMounts": mounts} for _ in range(workers)]
    config = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "name": cluster.name, "nodes": nodes}
    path = folder / "kind.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    run_visibly(["kind", "create", "cluster", "--config", str(path), "--wait", "180s"], Path())


def share_folder(folder: Path, environment: str = "") -> Path:
    """The folder that all nodes share, or an environment's in it. The pods' user is none of this machine's."""
    shared = folder / "shared" / environment
    shared.mkdir(parents=True, exist_ok=True)
    shared.chmod(0o777)
    return shared


def load(cluster: Cluster, images: list[str]) -> None:
    """Put these images into every node; those that are there already take no time."""
    if images:
        run(["kind", "load", "docker-image", *images, "--name", cluster.name], Path())


def delete(cluster: Cluster) -> None:
    """Take the cluster away with everything in it."""
    run_visibly(["kind", "delete", "cluster", "--name", cluster.name], Path())
