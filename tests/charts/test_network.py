"""Who may speak to whom: what one chart's policy lets out, the other's lets in, and nothing else does."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from charts.rendering import Object, charts, needs_helm, picks, render

pytestmark = needs_helm
PLACE = "kubernetes.io/metadata.name"


@cache
def pod_kinds() -> dict[str, tuple[dict[str, str], Object]]:
    """The pods of every chart as it is: their labels, and their spec."""
    return {
        f"{chart}: {each['kind']} {each['metadata']['name']}": (template["metadata"]["labels"], template["spec"])
        for chart in charts()
        for each, template in render(chart).pods()
    }


@cache
def policies() -> list[Object]:
    return [each["spec"] for chart in charts() for each in render(chart).of("NetworkPolicy")]


def own_rules(labels: dict[str, str], direction: str) -> Iterator[Object]:
    for policy in policies():
        if picks(policy["podSelector"].get("matchLabels", {}), labels):
            yield from policy.get(direction, [])


def admits(peers: list[Any], labels: dict[str, str]) -> bool:
    """Whether a list of peers names pods of the same namespace with these labels."""
    return any(
        "podSelector" in peer and "namespaceSelector" not in peer and picks(peer["podSelector"]["matchLabels"], labels)
        for peer in peers
    )


def test_a_call_that_is_let_out_is_let_in() -> None:
    pods = pod_kinds()
    shut = []
    for caller, (labels, _) in pods.items():
        for rule in own_rules(labels, "egress"):
            for called, (called_labels, spec) in pods.items():
                if called == caller or not admits(rule["to"], called_labels):
                    continue
                named = {port["name"]: port["containerPort"] for c in spec["containers"] for port in c.get("ports", [])}
                doors = {
                    named.get(port["port"], port["port"])
                    for inward in own_rules(called_labels, "ingress")
                    if admits(inward["from"], labels)
                    for port in inward["ports"]
                }
                wanted = {port["port"] for port in rule["ports"]} & set(named.values())
                shut += [f"{caller} -> {called}: {port}" for port in sorted(wanted - doors)]
    assert shut == []


def test_a_call_that_is_let_in_is_let_out() -> None:
    pods = pod_kinds()
    unused = []
    for called, (labels, spec) in pods.items():
        named = {port["name"]: port["containerPort"] for c in spec["containers"] for port in c.get("ports", [])}
        for rule in own_rules(labels, "ingress"):
            for caller, (caller_labels, _) in pods.items():
                if caller == called or not admits(rule["from"], caller_labels):
                    continue
                reached = {
                    port["port"]
                    for outward in own_rules(caller_labels, "egress")
                    if admits(outward["to"], labels)
                    for port in outward["ports"]
                }
                wanted = {named.get(port["port"], port["port"]) for port in rule["ports"]}
                unused += [f"{caller} -> {called}: {port}" for port in sorted(wanted - reached)]
    assert unused == []


EXPECTED = {
    # Caller → called, of our own services.
    ("orchestrator", "llm-proxy"),
    ("orchestrator-smoke", "orchestrator"),
    ("ingestion", "llm-proxy"),
    ("llm-proxy", "local-models"),
}


def test_services_call_each_other_only_as_the_design_says() -> None:
    services = {
        "orchestrator",
        "orchestrator-smoke",
        "orchestrator-migration",
        "ingestion",
        "llm-proxy",
        "local-models",
    }
    pods = {labels["app.kubernetes.io/name"]: labels for labels, _ in pod_kinds().values()}
    found = {
        (caller, called)
        for caller in services
        for called in services - {caller}
        if any(admits(rule["to"], pods[called]) for rule in own_rules(pods[caller], "egress"))
    }
    assert found == EXPECTED


@pytest.mark.parametrize("chart", ["local-models", "orchestrator"])
def test_what_need_not_leave_the_cluster_cannot(chart: str) -> None:
    """Files on a claim and models of its own: these two speak to nothing outside."""
    for policy in render(chart).of("NetworkPolicy"):
        for rule in policy["spec"]["egress"]:
            assert not any(peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0" for peer in rule["to"])


def test_peers_may_be_in_another_namespace() -> None:
    """Environments that share one trace store."""
    found = render("orchestrator", values={"networkPolicy": {"namespaces": {"trace-store": ["fairlead-dev"]}}})
    rules = found.of("NetworkPolicy")
    own = next(each["spec"] for each in rules if each["metadata"]["name"] == "orchestrator")
    peers = [peer for rule in own["egress"] for peer in rule["to"] if "podSelector" in peer]
    there = [p for p in peers if p.get("namespaceSelector", {}).get("matchLabels") == {PLACE: "fairlead-dev"}]
    assert [p["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for p in there] == ["trace-store"]


def test_a_database_outside_is_reached_at_its_addresses_alone() -> None:
    found = render("ingestion", values={"database": {"cidrs": ["10.20.0.0/24"], "port": 6432}})
    rules = found.of("NetworkPolicy")[0]["spec"]["egress"]
    assert {"to": [{"ipBlock": {"cidr": "10.20.0.0/24"}}], "ports": [{"port": 6432, "protocol": "TCP"}]} in rules
    assert not any(admits(rule["to"], {"app.kubernetes.io/name": "vector-store"} | _PART) for rule in rules)


_PART = {"app.kubernetes.io/part-of": "fairlead"}
