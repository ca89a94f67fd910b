"""What is read from Argo CD: when an environment is what a commit says, which syncs are in the way, what is unwell."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from delivery.cluster import argo, argo_api
from delivery.cluster.kubernetes import Cluster
from delivery.commands import DeliveryError

NEW, OLD = "new", "old"


def application(name: str, *, seen: str = NEW, synced: str = NEW, phase: str = "Succeeded") -> dict[str, Any]:
    """As it is in the cluster: the commit that Argo CD compared, and its last sync's commit and phase."""
    operation = {"phase": phase, "message": "said", "operation": {"sync": {"revision": synced}}, "syncResult": {}}
    status = {
        "sync": {"status": "Synced", "revision": seen},
        "health": {"status": "Healthy"},
        "operationState": operation,
    }
    return {"metadata": {"name": name}, "status": status}


def cluster_of(monkeypatch: pytest.MonkeyPatch, *applications: dict[str, Any]) -> Cluster:
    def found(*_: str) -> dict[str, Any]:
        return {"items": list(applications)}

    monkeypatch.setattr(Cluster, "get", lambda _, *arguments: found(*arguments))
    return Cluster("test")


def asked(monkeypatch: pytest.MonkeyPatch, answer: Any = None) -> list[tuple[str, str]]:
    """Collects what Argo CD's API is asked."""
    calls: list[tuple[str, str]] = []

    @contextmanager
    def signed_in(_: Cluster) -> Iterator[Callable[[str, str], Any]]:
        def call(method: str, path: str) -> Any:
            calls.append((method, path))
            return answer

        yield call

    monkeypatch.setattr(argo_api, "_signed_in", signed_in)
    return calls


@pytest.mark.parametrize(
    ("each", "open_point"),
    [
        (application("dev-x"), None),
        (application("dev-x", seen=OLD), "has not seen the commit yet"),
        (application("dev-x", phase="Running"), "is syncing: said"),
        (application("dev-x", phase="Failed"), "is syncing: said"),
        # It was given up for a commit that is no longer asked for, and what is there is what Git says.
        (application("dev-x", synced=OLD, phase="Failed"), None),
        (application("dev-x", synced=OLD, phase="Running"), "is syncing: said"),
    ],
)
def test_an_environment_is_settled_when_it_is_what_the_commit_says(
    monkeypatch: pytest.MonkeyPatch, each: dict[str, Any], open_point: str | None
) -> None:
    asked(monkeypatch, {"nodes": []})
    cluster = cluster_of(monkeypatch, each)
    if open_point is None:
        argo.settled(cluster, "dev", NEW, ("x",), 0)
        return
    with pytest.raises(DeliveryError, match=open_point):
        argo.settled(cluster, "dev", NEW, ("x",), 0)


def test_only_syncs_to_earlier_commits_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = cluster_of(
        monkeypatch,
        application("dev-held-up", synced=OLD, phase="Running"),
        application("dev-under-way", synced=NEW, phase="Running"),
        application("dev-done", synced=OLD),
        application("test-held-up", synced=OLD, phase="Running"),
    )
    calls = asked(monkeypatch)
    assert argo_api.end_syncs(cluster, "dev", NEW) == ["dev-held-up"]
    assert calls == [("DELETE", "applications/dev-held-up/operation")]


def test_of_what_is_unwell_pods_come_first_with_their_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def node(kind: str, status: str, message: str = "", **info: str) -> dict[str, Any]:
        shown = [{"name": name.replace("_", " "), "value": value} for name, value in info.items()]
        return {"kind": kind, "name": "x", "health": {"status": status, "message": message}, "info": shown}

    nodes = [
        node("Service", "Healthy"),
        node("Deployment", "Progressing", "1 of 2 replicas"),
        node("ReplicaSet", "Degraded"),
        node("Pod", "Degraded", "", Status_Reason="CrashLoopBackOff"),
    ]
    asked(monkeypatch, {"nodes": nodes})
    assert argo_api.unwell(Cluster("test"), "dev-x") == [
        "Pod x: CrashLoopBackOff",
        "ReplicaSet x: Degraded",
        "Deployment x: 1 of 2 replicas",
    ]
