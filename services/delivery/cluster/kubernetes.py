"""kubectl against one kind cluster, whatever the current context is."""

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.commands import DeliveryError, run

LOOK_EVERY_S = 1.0
Object = dict[str, Any]


@dataclass(frozen=True)
class Cluster:
    """A kind cluster, by its name."""

    name: str = "fairlead"

    @property
    def context(self) -> str:
        """Its name in the kubeconfig."""
        return f"kind-{self.name}"

    def command(self, *arguments: str) -> list[str]:
        """A kubectl command line."""
        return ["kubectl", "--context", self.context, "--request-timeout=60s", *arguments]

    def kubectl(self, *arguments: str) -> str:
        """What kubectl printed; DeliveryError with its own words where it fails."""
        return run(self.command(*arguments), Path())

    def apply(self, *objects: Object) -> None:
        """Make these objects what they are here, server-side."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        self.fed(text, "apply", "--server-side", "--force-conflicts", "-f", "-")

    def fed(self, text: str, *arguments: str) -> str:
        """What kubectl printed that read this text; DeliveryError with its own words where it fails."""
        done = subprocess.run(self.command(*arguments), input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DeliveryError(f"kubectl {arguments[0]} failed:\n{(done.stderr or done.stdout).strip()}")
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """An object or a list of them, as kubectl gives it; None where there is no such thing."""
        command = self.command("get", *arguments, "-o", "json")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return json.loads(done.stdout)
        if "NotFound" in done.stderr or "doesn't have a resource type" in done.stderr:
            return None
        raise DeliveryError(f"kubectl get {' '.join(arguments)} failed: {done.stderr.strip()}")

    def namespace(self, name: str, **labels: str) -> None:
        """Make a namespace, or give it these labels."""
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})

    def secret(self, namespace: str, name: str, values: dict[str, str]) -> None:
        """Put a Secret there, with these keys and no others that were put there in this way."""
        metadata = {"name": name, "namespace": namespace}
        # Not stringData: the server would keep the keys that are no longer named.
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})

    def secret_values(self, namespace: str, name: str) -> dict[str, str]:
        """A Secret's values, decoded. Raises DeliveryError where there is none."""
        found = self.get("secret", "-n", namespace, name)
        if found is None:
            raise DeliveryError(f"there is no Secret {name} in {namespace}")
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    def rolled_out(self, namespace: str, *workloads: str, timeout_s: int = 300) -> None:
        """Wait until these workloads run as they should."""
        for workload in workloads:
            command = ["rollout", "status", workload, "-n", namespace, f"--timeout={timeout_s}s"]
            run(["kubectl", "--context", self.context, *command], Path())

    @contextmanager
    def forwarded(self, namespace: str, target: str, port: int) -> Iterator[int]:
        """A port of this machine that leads to a Service's or pod's port while the context is open."""
        command = self.command("port-forward", "-n", namespace, target, f":{port}", "--address", "127.0.0.1")
        command.remove("--request-timeout=60s")
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            if "->" not in said:
                raise DeliveryError(f"kubectl port-forward {target} failed: {said.strip()}")
            yield int(said.split("->")[0].rsplit(":", 1)[1])
        finally:
            process.terminate()
            process.wait(timeout=10)


def until(what: str, ready: Callable[[], str], timeout_s: float) -> None:
    """Wait until `ready` has nothing left to say; DeliveryError with what it said last where that takes too long."""
    deadline = time.monotonic() + timeout_s
    while missing := ready():
        if time.monotonic() > deadline:
            raise DeliveryError(f"{what} took longer than {timeout_s:.0f} s: {missing}")
        time.sleep(LOOK_EVERY_S)
