"""A further environment: which ones a cluster has, what a guest is given of its host's secrets, how it goes."""

from typing import Any

import pytest

from delivery.cluster import argo, guest, vault
from delivery.cluster.kubernetes import Cluster
from delivery.commands import DeliveryError


class Kept(Cluster):
    """Secrets and a namespace in memory, in the place of a cluster."""

    objects: dict[tuple[str, str], dict[str, Any]]
    commands: list[tuple[str, ...]]

    def __init__(self) -> None:
        super().__init__("test")
        object.__setattr__(self, "objects", {})
        object.__setattr__(self, "commands", [])

    def apply(self, *objects: dict[str, Any]) -> None:
        for each in objects:
            self.objects[each["kind"].lower(), each["metadata"]["name"]] = each

    def get(self, *arguments: str) -> Any:
        if arguments[0] in ("secrets", "applications"):
            return {"items": [each for (kind, _), each in self.objects.items() if f"{kind}s" == arguments[0]]}
        return self.objects.get((arguments[0], arguments[-1]))

    def kubectl(self, *arguments: str) -> str:
        self.commands.append(arguments)
        if arguments[0] == "label":
            labels = self.objects["secret", "in-cluster"]["metadata"]["labels"]
            labels.pop(arguments[-1].removesuffix("-"))
        if arguments[0] == "delete" and arguments[1] == "secret":
            for name in arguments[4:]:
                del self.objects["secret", name]
        return ""


@pytest.fixture
def cluster() -> Kept:
    made = Kept()
    argo.describe_cluster(made, ["dev"], {"external-secrets": "installed"})
    vault.fill(made, "dev")
    return made


def test_the_first_environment_stays_the_first_and_operators_stay(cluster: Kept) -> None:
    assert argo.environments(Kept()) == []
    argo.describe_cluster(cluster, ["dev", "test", "prod"], {"keda": "enabled"})
    assert argo.environments(cluster) == ["dev", "prod", "test"]
    labels = cluster.objects["secret", "in-cluster"]["metadata"]["labels"]
    assert labels["fairlead.dev/addon-external-secrets"] == "installed"
    assert labels["fairlead.dev/addon-keda"] == "enabled"


def test_a_guest_is_given_what_opens_models_and_traces_and_nothing_more(cluster: Kept) -> None:
    vault.fill(cluster, "test")
    guest.admit(cluster, "test", "dev")
    store = vault.values(cluster, "test", "fairlead-trace-store")
    assert store == {"authorization": vault.values(cluster, "dev", "fairlead-trace-store")["authorization"]}
    keys = vault.values(cluster, "test", "fairlead-model-keys")
    assert keys == {guest.KEY: vault.values(cluster, "dev", "fairlead-service-keys")["llm-proxy"]}
    shared = {store["authorization"], keys[guest.KEY]}
    of_host = {value for name in secrets_of(cluster, "dev") for value in vault.values(cluster, "dev", name).values()}
    of_guest = {value for name in secrets_of(cluster, "test") for value in vault.values(cluster, "test", name).values()}
    assert {value for value in of_host & of_guest if len(value) > 20} == shared


def secrets_of(cluster: Kept, environment: str) -> list[str]:
    named = [name for kind, name in cluster.objects if kind == "secret"]
    return [name.removeprefix(f"{environment}-") for name in named if name.startswith(f"{environment}-")]


def test_a_guest_goes_with_its_secrets_and_the_host_stays(cluster: Kept) -> None:
    argo.describe_cluster(cluster, ["dev", "test"], {})
    vault.fill(cluster, "test")
    host = secrets_of(cluster, "dev")
    guest.remove(cluster, "test")
    assert argo.environments(cluster) == ["dev"]
    assert secrets_of(cluster, "test") == []
    assert secrets_of(cluster, "dev") == host
    deleted = [command[1:3] for command in cluster.commands if command[0] == "delete"]
    assert ("namespace", "fairlead-test") in deleted
    assert ("persistentvolume", "fairlead-shared-test") in deleted


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_only_a_further_environment_can_be_taken_away(cluster: Kept, environment: str) -> None:
    with pytest.raises(DeliveryError, match=f"ENV={environment}: the cluster has no such further environment; .* none"):
        guest.remove(cluster, environment)
    assert cluster.commands == []
