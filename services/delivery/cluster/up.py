"""`make up`: kind, Argo CD and the platform from this checkout, until a question is answered with its sources."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from delivery import environments, image_set, images
from delivery.cluster import argo, git_server, kind, local_values, vault
from delivery.cluster.client import Client
from delivery.cluster.kind import ALWAYS, ENTRY_NODE_PORT, Kit
from delivery.cluster.kubernetes import Cluster, Object, until
from delivery.commands import DeliveryError, run
from delivery.image_set import IMAGES, ImageSet
from delivery.repository import Repository

# Tags of images that no registry has; nothing is pulled.
REGISTRY = "fairlead.local"
SETTLE_S = 900.0
ENTRY_S = 60.0
QUESTION = "Which knot makes a fixed loop?"


@dataclass(frozen=True)
class Wish:
    """What cluster is to be made."""

    cluster: Cluster
    environment: str
    operators: list[str]
    workers: int
    port: int
    state: Path


def up(repository: Repository, wish: Wish, kit: Kit) -> tuple[Client, Any]:
    """Make or renew the cluster; its API and a cited answer. Every step can be repeated."""
    began = time.monotonic()

    def step(text: str) -> None:
        typer.echo(f"{time.monotonic() - began:5.0f} s  {text}")

    layout = environments.read(repository.root)
    layout.known(wish.environment, "ENV")
    cluster = wish.cluster
    tag = repository.image_tag()
    built = ImageSet(REGISTRY, tag)

    step("build images")
    kit.prepare()
    own = image_set.pinned(repository.root)
    made = images.build(repository.root, REGISTRY, tag, (*IMAGES, *own, "git-server"))
    if not kind.exists(cluster):
        step(f"make the cluster {cluster.name}")
        wish.state.mkdir(parents=True, exist_ok=True)
        kind.create(cluster, wish.state, wish.port, wish.workers)
        kit.load(cluster, *ALWAYS)
    step("load images")
    kind.load(cluster, [one.name for one in made])
    step("install Argo CD and what makes secrets")
    argo.install(cluster, kit)
    _install_operators(cluster, kit, wish.operators)
    vault.fill(cluster, wish.environment)
    step("push this checkout to the cluster's Git server")
    git_server.install(cluster, built.name("git-server"))
    network = run(["docker", "network", "inspect", "kind", "--format", "{{(index .IPAM.Config 0).Subnet}}"], Path())

    def change(clone: Path) -> None:
        local_values.write(clone, wish.environment, built, wish.operators, network.strip())

    shared = wish.state / "shared" / wish.environment
    shared.mkdir(parents=True, exist_ok=True)
    # The pods' user is none of this machine's.
    shared.chmod(0o777)
    cluster.apply(local_values.shared_volume(wish.environment))
    commit = git_server.push(cluster, repository, change, f"Run {tag} in {wish.environment} of this cluster")
    step(f"have Argo CD deploy {wish.environment} from commit {commit[:12]}")
    argo.describe_cluster(cluster, _labels(wish, kit))
    argo.apply_root(cluster, repository.root, git_server.URL)
    if "external-secrets" in wish.operators:
        vault.open_for_operator(cluster)
    argo.refresh_until_seen(cluster, wish.environment, layout.charts)
    argo.settled(cluster, wish.environment, commit, layout.charts, SETTLE_S)
    cluster.apply(_entry(wish.environment))
    step("upload the samples and ask")
    client = api(wish)
    until("reaching the API", client.unreachable, ENTRY_S)
    answer = client.ask(QUESTION, client.store_of(repository.root / "samples"))
    if not answer.get("citations"):
        raise DeliveryError(f"the answer cites nothing: {answer}")
    step("done")
    return client, answer


def api(wish: Wish) -> Client:
    """The API of a cluster that is up."""
    return Client(f"http://127.0.0.1:{wish.port}", vault.key(wish.cluster, wish.environment))


def _labels(wish: Wish, kit: Kit) -> dict[str, str]:
    state = "installed" if kit.folder else "enabled"
    return {"fairlead.dev/environment": wish.environment} | {
        f"fairlead.dev/addon-{name}": state for name in wish.operators
    }


def _install_operators(cluster: Cluster, kit: Kit, operators: list[str]) -> None:
    """With a kit; otherwise Argo CD installs them, as their labels say."""
    if not kit.folder:
        return
    for name in operators:
        marker = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"addon-{name}", "namespace": "default"},
        }
        if cluster.get("configmap", "-n", "default", marker["metadata"]["name"]) is None:
            images, manifests = kind.OPERATORS[name]
            kit.load(cluster, *images)
            kit.install(manifests)
            cluster.apply(marker)


def _entry(environment: str) -> Object:
    """The orchestrator at a port of the node, which kind shows on this machine."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "local-entry", "namespace": f"fairlead-{environment}"},
        "spec": {
            "type": "NodePort",
            "selector": {"app.kubernetes.io/name": "orchestrator"},
            "ports": [{"name": "http", "port": 8080, "targetPort": "http", "nodePort": ENTRY_NODE_PORT}],
        },
    }
