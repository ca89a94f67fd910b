"""`make up`'s own parts that need no cluster: the values it lays over, its secrets, its kit."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from delivery.cluster import local_values, vault
from delivery.cluster.kind import Kit
from delivery.commands import DeliveryError
from delivery.image_set import ImageSet


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "argocd/envs/dev"
    folder.mkdir(parents=True)
    (folder / "common.yaml").write_text("global:\n  environment: dev\n  kept: yes\n")
    return tmp_path


def values(checkout: Path, name: str) -> dict[str, object]:
    return yaml.safe_load((checkout / f"argocd/envs/dev/{name}.yaml").read_text())


def test_values_are_merged_into_what_git_says(checkout: Path) -> None:
    local_values.write(checkout, "dev", ImageSet("here", "abc"), ["external-secrets"], "172.18.0.0/16")
    common = values(checkout, "common")
    assert common["global"] == {"environment": "dev", "kept": True, "profile": "small"}
    assert common["serviceMonitor"] == {"enabled": False}
    assert values(checkout, "image") == {"global": {"image": {"registry": "here", "tag": "abc", "digests": {}}}}
    entry = values(checkout, "orchestrator")["networkPolicy"]
    assert entry == {
        "ingress": [{"from": [{"ipBlock": {"cidr": "172.18.0.0/16"}}], "ports": [{"port": 8080, "protocol": "TCP"}]}]
    }


def test_lists_are_replaced_and_maps_are_merged(checkout: Path) -> None:
    local_values.lay_over(checkout, "dev", "x", {"a": {"b": 1, "c": [1, 2]}})
    local_values.lay_over(checkout, "dev", "x", {"a": {"c": [3]}})
    assert values(checkout, "x") == {"a": {"b": 1, "c": [3]}}


def test_every_database_url_has_a_password_of_its_own() -> None:
    secret = vault.database_secret("vector-store", {role: role * 8 for role in vault.ROLES.values()})
    urls = [urlsplit(secret[key]) for key in ("url", "owner-url", "mlflow-url")]
    assert [url.username for url in urls] == ["fairlead_app", "fairlead_owner", "mlflow"]
    passwords = {unquote(url.password or "") for url in urls} | {secret["superuser-password"]}
    assert len(passwords) == 4
    assert min(map(len, passwords)) >= 32


def test_a_kit_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLUSTER_KIT", str(tmp_path))
    with pytest.raises(DeliveryError, match="CLUSTER_KIT"):
        Kit.from_environment()
    monkeypatch.setenv("CLUSTER_KIT", "")
    assert Kit.from_environment().folder is None
