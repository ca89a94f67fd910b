"""Argo CD's own API: what it shows of an application's parts, down to pods, which no object in the cluster says."""

import base64
import json
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from delivery.cluster.kubernetes import Cluster
from delivery.commands import DeliveryError

NAMESPACE = "argocd"
TIMEOUT_S = 30.0
UNWELL = ("Degraded", "Progressing")


def unwell(cluster: Cluster, application: str) -> list[str]:
    """What is not healthy of an application and why, pods first, as Argo CD's page shows it."""
    with _signed_in(cluster) as call:
        tree = call("GET", f"applications/{application}/resource-tree")
    found = [each for each in tree.get("nodes", []) if each.get("health", {}).get("status") in UNWELL]
    found.sort(key=lambda each: (each["health"]["status"] != "Degraded", each["kind"] != "Pod", each["name"]))
    return [f"{each['kind']} {each['name']}: {_reason(each)}" for each in found]


def _reason(node: dict[str, Any]) -> str:
    """Of a pod, what its column of the page says, such as CrashLoopBackOff; else what its health does."""
    shown = {entry["name"]: entry["value"] for entry in node.get("info", [])}
    said = (shown.get("Status Reason"), node["health"].get("message"))
    return ": ".join(filter(None, said)) or node["health"]["status"]


def revision_of(operation: dict[str, Any]) -> str:
    """The commit that a sync is to, by an application's `operationState`; its result has none while it begins."""
    return operation.get("operation", {}).get("sync", {}).get("revision", "")


def end_syncs(cluster: Cluster, environment: str, commit: str) -> list[str]:
    """End the syncs to earlier commits that still wait, so that this one is taken at once; their applications."""
    waiting: list[str] = []
    for item in cluster.get("applications", "-n", NAMESPACE)["items"]:
        name, operation = item["metadata"]["name"], item.get("status", {}).get("operationState", {})
        earlier = revision_of(operation) != commit
        if name.startswith(f"{environment}-") and operation.get("phase") == "Running" and earlier:
            waiting.append(name)
    if waiting:
        with _signed_in(cluster) as call:
            for name in waiting:
                call("DELETE", f"applications/{name}/operation")
    return waiting


@contextmanager
def _signed_in(cluster: Cluster) -> Iterator[Callable[..., Any]]:
    secret = cluster.get("secret", "-n", NAMESPACE, "argocd-initial-admin-secret")
    if secret is None:
        raise DeliveryError("Argo CD's first password is gone: look at its page, or use argocd --core")
    password = base64.b64decode(secret["data"]["password"]).decode()
    with cluster.forwarded(NAMESPACE, "service/argocd-server", 443) as port:
        url = f"https://127.0.0.1:{port}/api/v1"
        token = _call("POST", f"{url}/session", "", {"username": "admin", "password": password})["token"]
        yield lambda method, path: _call(method, f"{url}/{path}", token)


def _call(method: str, url: str, token: str, body: Any = None) -> Any:
    # Through kubectl's tunnel, whose other end is known; the certificate is one that Argo CD made for itself.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - an address of our own making
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context) as answer:  # noqa: S310
            return json.load(answer)
    except OSError as error:
        raise DeliveryError(f"Argo CD's API cannot be asked: {error}") from error
