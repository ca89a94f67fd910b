"""What an environment shares: the entry leads to services that are there, and what is not named is denied."""

from typing import Any

import pytest
import yaml

from charts.rendering import CHARTS, Object, Refused, charts, needs_helm, picks, render, scenarios

pytestmark = needs_helm
HOSTS = {"answers": {"host": "fairlead.example.com"}, "traces": {"host": "traces.example.com"}}
TLS = {"secret": "fairlead-tls"}
NEW_GATEWAY = {"create": True, "className": "traefik"}


def entry(**values: Any) -> dict[str, Any]:
    return {"entry": {"routes": HOSTS, **values}}


def backends(found: Any) -> set[tuple[str, int]]:
    """Every service and port that an Ingress or HTTPRoute leads to."""
    reached: set[tuple[str, int]] = set()
    for each in found.of("Ingress"):
        for rule in each["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                reached.add((service["name"], service["port"]["number"]))
    for each in found.of("HTTPRoute"):
        for rule in each["spec"]["rules"]:
            reached |= {(backend["name"], backend["port"]) for backend in rule.get("backendRefs", [])}
    return reached


@pytest.mark.parametrize("values", [entry(kind="ingress"), entry(kind="gateway", gateway=NEW_GATEWAY)], ids=str)
def test_the_entry_leads_to_services_that_let_it_in(values: dict[str, Any]) -> None:
    reached = backends(render("platform", values=values))
    assert reached == {("orchestrator", 8080), ("trace-store", 5000)}
    for name, port in reached:
        found = render(name)
        (service,) = (each for each in found.of("Service") if each["metadata"]["name"] == name)
        (door,) = (each for each in service["spec"]["ports"] if each["port"] == port)
        pods = [template["metadata"]["labels"] for _, template in found.pods()]
        labels = next(each for each in pods if picks(service["spec"]["selector"], each))
        assert any(admitted(policy, labels, door["targetPort"]) for policy in found.of("NetworkPolicy")), name


def admitted(policy: Object, labels: dict[str, str], port: str) -> bool:
    """Whether the policy lets the ingress's namespace to that port of these pods."""
    wanted = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}}}
    return picks(policy["spec"]["podSelector"]["matchLabels"], labels) and any(
        wanted in rule["from"] and any(each["port"] == port for each in rule["ports"])
        for rule in policy["spec"]["ingress"]
    )


def test_a_gateway_with_a_certificate_sends_everybody_to_it() -> None:
    found = render("platform", values=entry(kind="gateway", gateway=NEW_GATEWAY, tls=TLS))
    (gateway,) = found.of("Gateway")
    secure = next(each for each in gateway["spec"]["listeners"] if each["protocol"] == "HTTPS")
    assert secure["tls"]["certificateRefs"] == [{"kind": "Secret", "name": "fairlead-tls"}]
    for route in found.of("HTTPRoute"):
        (parent,) = route["spec"]["parentRefs"]
        redirects = "filters" in route["spec"]["rules"][0]
        assert parent["sectionName"] == ("http" if redirects else "https"), route["metadata"]["name"]


def test_an_ingress_with_a_certificate_takes_tls_of_traefik_too() -> None:
    note = "traefik.ingress.kubernetes.io/router.tls"
    for tls, wanted in ((TLS, "true"), ({"secret": ""}, None)):
        (ingress,) = render("platform", values=entry(kind="ingress", tls=tls)).of("Ingress")
        assert ingress["metadata"]["annotations"].get(note) == wanted


def test_a_route_without_a_host_is_none() -> None:
    found = render("platform", values={"entry": {"kind": "ingress", "routes": {"answers": {"host": "a.example.com"}}}})
    assert backends(found) == {("orchestrator", 8080)}


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ({"entry": {"kind": "ingress"}}, "no route has a host: say entry.routes.answers.host"),
        (entry(kind="gateway"), "name the one that is there in entry.gateway.name"),
        (entry(kind="gateway", gateway={"create": True}), "entry.gateway.create needs entry.gateway.className"),
        (entry(kind="loadbalancer"), "kind"),
        ({"entry": {"routes": {"answers": {"host": "https://fairlead.example.com"}}}}, "host"),
    ],
)
def test_an_entry_that_leads_nowhere_is_refused(values: dict[str, Any], wanted: str) -> None:
    with pytest.raises(Refused) as refused:
        render("platform", values=values)
    assert wanted in str(refused.value)


def test_what_no_policy_names_is_denied() -> None:
    (policy,) = render("platform").of("NetworkPolicy")
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_priority_classes_that_charts_name_are_made() -> None:
    found = render("platform", values={"priorityClasses": {"create": True}}).of("PriorityClass")
    made = {each["metadata"]["name"] for each in found}
    named = {
        (yaml.safe_load(scenario.values.read_text()) or {}).get("priorityClassName") for scenario in scenarios()
    } - {None}
    assert named
    assert named <= made


@pytest.mark.parametrize("profile", ["small", "medium"])
def test_the_quota_holds_an_environment_twice_over_in_requests(profile: str) -> None:
    """A rolling change has pods of two versions."""
    (quota,) = render("platform", values={"quota": {"enabled": True}}).of("ResourceQuota")
    taken = 0.0
    for chart in charts():
        found = render(chart, values={"profile": profile})
        for each, template in found.pods():
            for container in template["spec"]["containers"]:
                taken += each["spec"].get("replicas", 1) * cores(container["resources"]["requests"]["cpu"])
    assert 2 * taken <= cores(quota["spec"]["hard"]["requests.cpu"])


def cores(text: str) -> float:
    return float(text.removesuffix("m")) / 1000 if text.endswith("m") else float(text)


def test_dashboards_of_every_service_are_in_its_own_chart() -> None:
    """Across services there are these; a service's own are beside it."""
    names = {path.stem for path in (CHARTS / "platform" / "dashboards").glob("*.json")}
    found = render("platform", values={"dashboards": {"enabled": True}}).of("ConfigMap")
    assert {name for each in found for name in each["data"]} == {f"{name}.json" for name in names}
