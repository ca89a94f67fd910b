"""The Git server inside the cluster, which Argo CD reads, and what is pushed to it."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from delivery.cluster.kubernetes import Cluster, Object
from delivery.cluster.workload import restricted, served
from delivery.commands import run
from delivery.repository import Repository

NAMESPACE = "git"
NAME = "git"
PORT = 8080
URL = f"http://{NAME}.{NAMESPACE}.svc:{PORT}/platform.git"
AUTHOR = ("-c", "user.name=Fairlead", "-c", "user.email=fairlead@localhost")


def install(cluster: Cluster, image: str) -> None:
    """Start it. Its repositories live in a volume of its own."""
    cluster.namespace(NAMESPACE)
    cluster.apply(*_objects(image))
    cluster.rolled_out(NAMESPACE, f"deployment/{NAME}")


@contextmanager
def remote(cluster: Cluster) -> Iterator[str]:
    """Its address as this machine reaches it while the context is open. A pod that changes its node is waited for."""
    cluster.rolled_out(NAMESPACE, f"deployment/{NAME}")
    with cluster.forwarded(NAMESPACE, f"service/{NAME}", PORT) as port:
        yield f"http://127.0.0.1:{port}/platform.git"


def push(cluster: Cluster, repository: Repository, change: Callable[[Path], None], message: str) -> str:
    """Push this checkout's commit with one on top that `change` makes; the commit that Argo CD will see.

    The checkout itself stays as it is: the change is made in a clone.
    """
    with tempfile.TemporaryDirectory(prefix="fairlead-up-") as name:
        clone = Path(name) / "platform"
        run(["git", "clone", "--quiet", str(repository.root), str(clone)], Path(name))
        change(clone)
        return commit_and_push(cluster, clone, message)


@contextmanager
def checkout(cluster: Cluster) -> Iterator[Path]:
    """A clone of what the cluster's Git server has, gone afterwards."""
    with remote(cluster) as url, tempfile.TemporaryDirectory(prefix="fairlead-git-") as name:
        clone = Path(name) / "platform"
        run(["git", "clone", "--quiet", "--branch", "main", url, str(clone)], Path(name))
        yield clone


def commit_and_push(cluster: Cluster, clone: Path, message: str) -> str:
    """Commit everything in the clone and make it the server's main."""
    run(["git", "add", "--all"], clone)
    run(["git", *AUTHOR, "commit", "--quiet", "--allow-empty", "--no-verify", "--message", message], clone)
    with remote(cluster) as url:
        run(["git", "push", "--quiet", "--force", url, "HEAD:refs/heads/main"], clone)
    return run(["git", "rev-parse", "HEAD"], clone).strip()


def _objects(image: str) -> list[Object]:
    volumes: dict[str, Object] = {
        "/srv/git": {"persistentVolumeClaim": {"claimName": NAME}},
        "/tmp": {"emptyDir": {}},  # noqa: S108
    }
    pod = restricted(
        NAME,
        image,
        volumes,
        ports=[{"name": "http", "containerPort": PORT}],
        readinessProbe={"httpGet": {"path": "/healthz", "port": PORT}, "periodSeconds": 2},
        resources={"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "512Mi"}},
    )
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    return [claim, *served(NAMESPACE, NAME, pod, PORT)]
