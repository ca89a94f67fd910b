"""`make up`: kind, Argo CD and the platform from this checkout, until a question is answered with its sources."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from delivery import environments, image_set, images
from delivery.cluster import argo, git_server, kind, local_values, vault
from delivery.cluster.client import Client
from delivery.cluster.guest import admit, share
from delivery.cluster.kind import ALWAYS, ENTRY_NODE_PORT, Kit
from delivery.cluster.kubernetes import Cluster, Object, until
from delivery.commands import DeliveryError, run
from delivery.image_set import IMAGES, ImageSet
from delivery.repository import Repository

# Tags of images that no registry has; nothing is pulled.
REGISTRY = "fairlead.local"
SETTLE_S = 900.0
ENTRY_S = 60.0
API_PORT = 8080
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


def up(repository: Repository, wish: Wish, kit: Kit) -> Any:
    """Make or renew the cluster, or add an environment to it; a cited answer. Every step can be repeated."""
    began = time.monotonic()

    def step(text: str) -> None:
        typer.echo(f"{time.monotonic() - began:5.0f} s  {text}")

    environments.read(repository.root).known(wish.environment, "ENV")
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
    before = argo.environments(cluster)
    host, *guests = [*before, *({wish.environment} - {*before})]
    for guest in guests:
        admit(cluster, guest, host)
    step("push this checkout to the cluster's Git server")
    git_server.install(cluster, built.name("git-server"))
    kind.share_folder(wish.state, wish.environment)
    cluster.apply(local_values.shared_volume(wish.environment))
    commit = _push(repository, wish, built, [host, *guests])
    step(f"have Argo CD deploy {wish.environment} from commit {commit[:12]}")
    state = "installed" if kit.folder else "enabled"
    argo.describe_cluster(cluster, [host, *guests], dict.fromkeys(wish.operators, state))
    argo.apply_root(cluster, repository.root, git_server.URL)
    if "external-secrets" in wish.operators:
        vault.open_for_operator(cluster)
    with git_server.checkout(cluster) as clone:
        charts = environments.read(clone).charts_of(wish.environment)
    argo.refresh_until_seen(cluster, wish.environment, charts)
    argo.settled(cluster, wish.environment, commit, charts, SETTLE_S)
    first = wish.environment == host
    if first:
        cluster.apply(_entry(wish.environment))
    step("upload the samples and ask")
    with nullcontext(api(wish)) if first else api_of_guest(cluster, wish.environment) as client:
        until("reaching the API", client.unreachable, ENTRY_S)
        answer = client.ask(QUESTION, client.store_of(repository.root / "samples"))
    if not answer.get("citations"):
        raise DeliveryError(f"the answer cites nothing: {answer}")
    step("done")
    return answer


def _push(repository: Repository, wish: Wish, built: ImageSet, all_environments: list[str]) -> str:
    """Push this checkout with the values of this cluster. What runs in the other environments stays."""
    cluster, runs = wish.cluster, {wish.environment: built}
    if others := set(all_environments) - {wish.environment}:
        with git_server.checkout(cluster) as clone:
            runs |= {environment: image_set.read(clone, environment) for environment in others}
    network = run(["docker", "network", "inspect", "kind", "--format", "{{(index .IPAM.Config 0).Subnet}}"], Path())

    def change(clone: Path) -> None:
        for environment in all_environments:
            local_values.write(clone, environment, runs[environment], wish.operators, network.strip())
        for guest in all_environments[1:]:
            share(clone, guest, all_environments[0])

    return git_server.push(cluster, repository, change, f"Run {built.tag} in {wish.environment} of this cluster")


def api(wish: Wish) -> Client:
    """The API of the cluster's first environment, which this machine shows."""
    return Client(f"http://127.0.0.1:{wish.port}", vault.key(wish.cluster, wish.environment))


@contextmanager
def api_of_guest(cluster: Cluster, environment: str) -> Iterator[Client]:
    """The API of a further environment while the context is open."""
    with cluster.forwarded(f"fairlead-{environment}", "service/orchestrator", API_PORT) as port:
        yield Client(f"http://127.0.0.1:{port}", vault.key(cluster, environment))


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
            "ports": [{"name": "http", "port": API_PORT, "targetPort": "http", "nodePort": ENTRY_NODE_PORT}],
        },
    }
