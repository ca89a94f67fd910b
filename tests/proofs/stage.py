"""The platform on its cluster, and what a proof may do with it."""

import hashlib
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from delivery import environments
from delivery.cluster import argo, git_server, local_values, vault
from delivery.cluster.client import Client
from delivery.cluster.kubernetes import Cluster, until
from delivery.cluster.workload import restricted, served
from delivery.image_set import ImageSet
from delivery.repository import Repository
from proofs.traffic import Traffic, flowing

MODEL_NAMESPACE = "models"
MODEL_URL = f"http://model.{MODEL_NAMESPACE}.svc:8000/v1"
MODEL_KEY = "/var/run/fairlead/model-keys/proof"
SETTLE_S = 600.0


@dataclass(frozen=True)
class Figure:
    """One line of docs/proofs.md."""

    proof: str
    what: str
    value: str
    held: bool


@dataclass
class Stage:
    """One environment on one cluster, with documents in it and a model of the proofs behind its pool."""

    repository: Repository
    cluster: Cluster
    client: Client
    store: str
    images: ImageSet
    state: Path
    """What belongs to the cluster on this machine."""
    operators: list[str]
    environment: str = "dev"
    figures: list[Figure] = field(default_factory=list[Figure])

    @property
    def namespace(self) -> str:
        """Where the environment's objects are."""
        return f"fairlead-{self.environment}"

    @contextmanager
    def traffic(self, **more: Any) -> Iterator[Traffic]:
        """Constant traffic while the context is open."""
        with flowing(self.client.url, self.client.key, self.store, **more) as traffic:
            self.until(
                "the first answer", lambda: "" if traffic.answered else "; ".join(traffic.failures[-1:]) or "none", 120
            )
            yield traffic

    def note(self, proof: str, what: str, value: str, held: bool) -> None:
        """Keep a figure and show it."""
        self.figures.append(Figure(proof, what, value, held))
        print(f"  {'held  ' if held else 'BROKEN'} {what}: {value}", flush=True)

    def note_traffic(self, proof: str, what: str, traffic: Traffic, *, degrades: bool = False) -> None:
        """Keep what became of traffic that was to be whole; show the first failures."""
        self.note(proof, what, traffic.figure(), not traffic.failures and (degrades or not traffic.degraded))
        for failure in traffic.failures[:5]:
            print(f"         {failure}", flush=True)

    def merge(self, message: str, change: Callable[[Path], None]) -> str:
        """Change what Git says, as a merged pull request does, and have Argo CD look; the commit."""
        with git_server.checkout(self.cluster) as clone:
            change(clone)
            commit = git_server.commit_and_push(self.cluster, clone, message)
        argo.refresh(self.cluster)
        return commit

    def head(self) -> str:
        """The commit that Git has now."""
        with git_server.checkout(self.cluster) as clone:
            return Repository(clone).head()

    def back_to(self, commit: str) -> str:
        """Make everything what it was at that commit, by another one."""

        def change(clone: Path) -> None:
            Repository(clone).git("read-tree", "-u", "--reset", commit)

        return self.merge(f"Back to {commit[:12]}", change)

    def revert(self) -> str:
        """Take the last commit back by another one."""
        with git_server.checkout(self.cluster) as clone:
            before = subprocess.run(
                ["git", "show", "-s", "--format=%s"], cwd=clone, capture_output=True, text=True, check=True
            )
            command = ["git", *git_server.AUTHOR, "revert", "--no-edit", "--no-commit", "HEAD"]
            subprocess.run(command, cwd=clone, check=True, capture_output=True)
            commit = git_server.commit_and_push(self.cluster, clone, f"Revert “{before.stdout.strip()}”")
        argo.refresh(self.cluster)
        return commit

    def values(self, clone: Path, chart: str, values: dict[str, Any]) -> None:
        """Lay values over those of a chart in this environment."""
        local_values.lay_over(clone, self.environment, chart, values)

    def settled(self, commit: str, *charts: str, timeout_s: float = SETTLE_S) -> None:
        """Wait until Argo CD has made the environment what that commit says."""
        argo.settled(self.cluster, self.environment, commit, charts or self.charts, timeout_s)

    @property
    def charts(self) -> tuple[str, ...]:
        """Every chart of the environment."""
        return environments.read(self.repository.root).charts

    def pods(self, app: str) -> list[dict[str, Any]]:
        """The pods of a service that are not ending."""
        selector = f"app.kubernetes.io/name={app}"
        found = self.cluster.get("pods", "-n", self.namespace, "-l", selector)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def ready(self, app: str) -> set[str]:
        """The names of those that are ready."""
        return {
            pod["metadata"]["name"]
            for pod in self.pods(app)
            if any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions", []))
        }

    def inside(self, pod: str, code: str, *more: str, namespace: str = "") -> str:
        """What Python code printed that ran in a pod."""
        place = ["-n", namespace or self.namespace, "exec", pod, *more]
        return self.cluster.kubectl(*place, "--", "python", "-c", code)

    def config_of(self, pod: str, port: int = 8080) -> dict[str, Any]:
        """Hash in force, and whether the last edit was taken, by a pod's own metrics."""
        code = f"import urllib.request as u;print(u.urlopen('http://127.0.0.1:{port}/metrics').read().decode())"
        found: dict[str, Any] = {"hash": "", "success": None}
        for line in self.inside(pod, code).splitlines():
            if line.startswith("fairlead_config_info{") and line.endswith(" 1.0"):
                found["hash"] = line.split('hash="')[1].split('"')[0]
            if line.startswith("fairlead_config_reload_success{"):
                found["success"] = float(line.rsplit(" ", 1)[1])
        return found

    def application(self, chart: str) -> dict[str, Any]:
        """An application's status in Argo CD."""
        return self.cluster.get("application", "-n", argo.NAMESPACE, f"{self.environment}-{chart}")["status"]

    def until(self, what: str, ready: Callable[[], str], timeout_s: float = 300.0) -> float:
        """Wait; how many seconds it took."""
        began = time.monotonic()
        until(what, ready, timeout_s)
        return time.monotonic() - began

    def unanswered(self) -> str:
        """Why a question is not answered with citations; empty when it is."""
        try:
            answer = self.client.ask("Which knot makes a fixed loop?", self.store)
        except Exception as error:  # noqa: BLE001 - any reason is a reason
            return str(error)[:160]
        return "" if answer.get("citations") else "cites nothing"

    def rotate(self, name: str, values: dict[str, str]) -> None:
        """Put other values into the vault."""
        vault.put(self.cluster, self.environment, name, values)

    def secret(self, name: str) -> dict[str, str]:
        """A Secret of the environment, decoded."""
        return self.cluster.secret_values(self.namespace, name)


def install_model(stage: Stage, image: str, keys: dict[str, str]) -> None:
    """Start the model of the proofs, which takes these keys."""
    cluster = stage.cluster
    cluster.namespace(MODEL_NAMESPACE)
    metadata = {"name": "model", "namespace": MODEL_NAMESPACE}
    code = Path(__file__).with_name("slow_model.py").read_text(encoding="utf-8")
    cluster.secret(MODEL_NAMESPACE, "model", keys)
    volumes: dict[str, Any] = {
        "/code": {"configMap": {"name": "model"}},
        "/keys": {"secret": {"secretName": "model"}},
    }
    pod = restricted(
        "model",
        image,
        volumes,
        command=["python", "/code/slow_model.py"],
        # Other code is another pod.
        env=[{"name": "CODE", "value": hashlib.sha256(code.encode()).hexdigest()}],
        readinessProbe={"httpGet": {"path": "/healthz", "port": 8000}, "periodSeconds": 2},
        resources={"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
    )
    cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"slow_model.py": code}},
        *served(MODEL_NAMESPACE, "model", pod, 8000),
    )
    cluster.rolled_out(MODEL_NAMESPACE, "deployment/model")


def model_answers(stage: Stage, key: str) -> str:
    """What lacks until the model of the proofs answers: its key comes by External Secrets and the kubelet."""
    read = f"print(open({MODEL_KEY!r}).read().strip() if __import__('os').path.exists({MODEL_KEY!r}) else '')"
    # Of each pod: an orchestrator's connections lead to one of them, and four answers may all come by that one.
    if other := [pod for pod in sorted(stage.ready("llm-proxy")) if stage.inside(pod, read).strip() != key]:
        return f"without its key: {', '.join(other)}"
    answers = [stage.client.ask("Which knot makes a fixed loop?", stage.store) for _ in range(4)]
    degraded = [answer["degraded"] for answer in answers if answer["degraded"]]
    return f"degraded: {degraded}" if degraded else ""


def put_model_behind_the_pool(stage: Stage, clone: Path) -> None:
    """Have the pool ask the model of the proofs, with the key that External Secrets brings."""
    endpoint = {"name": "proof", "url": MODEL_URL, "key": {"file": MODEL_KEY}}
    to_model = {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": MODEL_NAMESPACE}}}],
        "ports": [{"port": 8000, "protocol": "TCP"}],
    }
    values = {
        "tunables": {"models": {"chat": {"endpoints": [endpoint]}}},
        "networkPolicy": {"egress": [to_model]},
    }
    stage.values(clone, "llm-proxy", values)
