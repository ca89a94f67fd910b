"""A further environment on a cluster: what it calls of the first one's is there, and lets it in."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.rendering import needs_helm
from delivery import environments, rendering
from delivery.cluster import guest, local_values
from delivery.image_set import ImageSet

ROOT = Path(__file__).parents[2]
HOST, GUEST = "dev", "test"
HOME, THERE = "fairlead-test", "fairlead-dev"

pytestmark = needs_helm


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    for part in ("argocd", "charts"):
        shutil.copytree(ROOT / part, folder / part)
    for environment in (HOST, GUEST):
        local_values.write(folder, environment, ImageSet("here", "abc"), ["external-secrets"], "172.18.0.0/16")
    guest.share(folder, GUEST, HOST)
    return folder


def objects(checkout: Path, environment: str, *charts: str) -> list[dict[str, Any]]:
    texts = rendering.render(checkout, environment, charts).values()
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


def test_it_has_neither_trace_store_nor_models(checkout: Path) -> None:
    layout = environments.read(checkout)
    assert set(layout.charts) - set(layout.charts_of(GUEST)) == {"trace-store", "local-models"}
    assert layout.charts_of(HOST) == layout.charts


def test_nothing_is_called_that_is_not_there(checkout: Path) -> None:
    charts = environments.read(checkout).charts_of(GUEST)
    for chart, text in rendering.render(checkout, GUEST, charts).items():
        for name, port in (("trace-store", 5000), ("local-models", 8082)):
            assert f"//{name}:{port}" not in text, chart
    pool = yaml.safe_dump(objects(checkout, GUEST, "llm-proxy"))
    assert pool.count(f"http://local-models.{THERE}:8082/v1") == 3


@pytest.mark.parametrize(
    ("caller", "pods", "called", "policy", "port"),
    [
        ("llm-proxy", "llm-proxy", "local-models", "local-models", 8082),
        ("orchestrator", "orchestrator", "trace-store", "trace-store", 5000),
        ("trace-collector", "trace-collector-sampling", "trace-store", "trace-store", 5000),
        ("trace-collector", "trace-collector-retain", "trace-store", "trace-store", 5000),
    ],
)
def test_both_policies_allow_the_call(
    checkout: Path, caller: str, pods: str, called: str, policy: str, port: int
) -> None:
    out = _policy(objects(checkout, GUEST, caller), pods)["egress"]
    (out_peers,) = [rule["to"] for rule in out if {"port": port, "protocol": "TCP"} in rule["ports"]]
    assert [_place(peer) for peer in out_peers if _place(peer)] == [THERE]
    labels = next(peer["podSelector"]["matchLabels"] for peer in out_peers if _place(peer))
    assert labels["app.kubernetes.io/name"] == called
    admitted = [peer for rule in _policy(objects(checkout, HOST, called), policy)["ingress"] for peer in rule["from"]]
    name = "trace-collector" if pods == "trace-collector-sampling" else pods
    assert name in {
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for peer in admitted if _place(peer) == HOME
    }


def test_a_second_guest_does_not_put_out_the_first(checkout: Path, tmp_path: Path) -> None:
    shutil.copytree(checkout / "argocd", tmp_path / "argocd")
    guest.share(tmp_path, "prod", HOST)
    named = local_values.namespaces(tmp_path, HOST, "local-models")
    assert named == {"llm-proxy": ["fairlead-prod", "fairlead-test"]}


def test_its_key_of_the_models_is_one_that_it_is_given(checkout: Path) -> None:
    """`guest.admit` puts it into the vault under this name."""
    pool = yaml.safe_dump(objects(checkout, GUEST, "llm-proxy"))
    assert pool.count(f"/var/run/fairlead/model-keys/{guest.KEY}") == 3
    made = [each for each in objects(checkout, GUEST, "platform") if each["kind"] == "ExternalSecret"]
    assert "fairlead-trace-store" in {each["metadata"]["name"] for each in made}


def _policy(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(each["spec"] for each in found if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == name)


def _place(peer: dict[str, Any]) -> str:
    return peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name", "")
