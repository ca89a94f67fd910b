"""Rules that hold of every object of every tested installation."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from charts.rendering import SERVING, Object, Scenario, named, needs_helm, picks, rendered, scenarios

pytestmark = [needs_helm, pytest.mark.parametrize("scenario", scenarios(), ids=str)]
IMAGE = re.compile(r"^[a-z0-9.:/_-]+(:(?!latest$)[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$")
# Credentials in a URL, a private key, keys as we and the usual providers write them.
SECRET = re.compile(
    r"://[^/\s:@]*:[^/\s:@]+@|-----BEGIN [A-Z ]*PRIVATE KEY|\bfl-[A-Za-z0-9_-]{20,}|\bsk-[A-Za-z0-9]{16,}"
)
SECRET_NAME = re.compile(r"(PASSWORD|TOKEN|SECRET|_KEY|DATABASE(_OWNER)?_URL)$")
LABELS = ("name", "instance", "part-of", "managed-by")
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def containers(scenario: Scenario, *kinds: str, first: bool = False) -> Iterator[tuple[str, Object, Object]]:
    """Each container of each pod, with the pod's spec; `first`: those that serve, not those that prepare or assist."""
    for each, template in rendered(scenario).pods():
        if kinds and each["kind"] not in kinds:
            continue
        spec = template["spec"]
        found = spec["containers"][:1] if first else [*spec.get("initContainers", []), *spec["containers"]]
        for container in found:
            yield f"{named(each)}: {container['name']}", container, spec


def test_images_are_named_by_a_version_or_a_digest(scenario: Scenario) -> None:
    assert [f"{place}: {c['image']}" for place, c, _ in containers(scenario) if not IMAGE.match(c["image"])] == []


def test_every_container_says_what_it_needs_and_what_it_may_take(scenario: Scenario) -> None:
    for place, container, _ in containers(scenario):
        for kind in ("requests", "limits"):
            assert {"cpu", "memory"} <= set(container["resources"][kind]), f"{place} has no {kind}"


def test_pods_pass_pod_security_restricted(scenario: Scenario) -> None:
    for place, container, spec in containers(scenario):
        pod, own = spec["securityContext"], container["securityContext"]
        assert pod["runAsNonRoot"] is True, place
        assert pod["runAsUser"] > 0, place
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, place
        assert own["allowPrivilegeEscalation"] is False, place
        assert own["capabilities"] == {"drop": ["ALL"]}, place
        assert own["readOnlyRootFilesystem"] is True, place
        assert not {"privileged", "runAsUser"} & set(own), place
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), place
        assert not any("hostPath" in volume for volume in spec.get("volumes", [])), place


def test_mounts_have_volumes_and_none_is_a_sub_path(scenario: Scenario) -> None:
    """A file mounted by subPath never changes while the pod lives: no retuning, no rotation."""
    for place, container, spec in containers(scenario):
        volumes = [volume["name"] for volume in spec.get("volumes", [])]
        claimed = [mount["name"] for mount in container.get("volumeMounts", [])]
        assert len(volumes) == len(set(volumes)), place
        templates = {
            claim["metadata"]["name"]
            for each in rendered(scenario).of("StatefulSet")
            for claim in each["spec"].get("volumeClaimTemplates", [])
        }
        assert set(claimed) <= set(volumes) | templates, place
        assert not any("subPath" in mount for mount in container.get("volumeMounts", [])), place


def test_services_have_three_probes_and_none_asks_a_dependency_before_a_restart(scenario: Scenario) -> None:
    for place, container, _ in containers(scenario, *SERVING, first=True):
        assert set(PROBES) <= set(container), place
        for probe in ("startupProbe", "livenessProbe"):
            path = container[probe].get("httpGet", {}).get("path", "")
            assert path not in ("/healthz", "/readyz"), f"{place}: {probe} would restart it for another's fault"


def test_services_end_without_a_cut(scenario: Scenario) -> None:
    """Unready before it stops listening, and killed only after the longest stream."""
    for place, container, spec in containers(scenario, "Deployment", "Rollout", first=True):
        notice = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        drain = next((e["value"] for e in container.get("env", []) if e["name"] == "FAIRLEAD_DRAIN_S"), 0)
        assert spec["terminationGracePeriodSeconds"] > notice + float(drain), place


def test_services_are_spread_and_drained_one_by_one(scenario: Scenario) -> None:
    found = rendered(scenario)
    budgets = [each["spec"]["selector"]["matchLabels"] for each in found.of("PodDisruptionBudget")]
    for each, template in found.pods():
        labels = template["metadata"]["labels"]
        picked = [budget for budget in budgets if picks(budget, labels)]
        if each["kind"] in ("Deployment", "Rollout"):
            assert len(picked) == 1, f"{named(each)}: {len(picked)} disruption budgets"
            spread = template["spec"]["topologySpreadConstraints"]
            assert all(picks(rule["labelSelector"]["matchLabels"], labels) for rule in spread), named(each)
        elif each["kind"] in ("Job", "CronJob"):
            assert picked == [], named(each)


def test_no_service_picks_the_pods_of_a_job(scenario: Scenario) -> None:
    found = rendered(scenario)
    for service in found.of("Service"):
        selector = service["spec"]["selector"]
        kinds = {each["kind"] for each, template in found.pods() if picks(selector, template["metadata"]["labels"])}
        assert kinds <= set(SERVING), named(service)


def test_pods_are_under_a_policy_that_denies_what_it_does_not_name(scenario: Scenario) -> None:
    found = rendered(scenario)
    policies = [each["spec"] for each in found.of("NetworkPolicy")]
    for each, template in found.pods():
        own = [p for p in policies if picks(p["podSelector"].get("matchLabels", {}), template["metadata"]["labels"])]
        assert any(sorted(policy["policyTypes"]) == ["Egress", "Ingress"] for policy in own), named(each)
    for policy in policies:
        for rule in [*policy.get("ingress", []), *policy.get("egress", [])]:
            assert rule.get("from") or rule.get("to"), f"a rule names no peer: {rule}"
            assert rule.get("ports"), f"a rule names no port: {rule}"
            assert all(peer for peer in [*rule.get("from", []), *rule.get("to", [])]), f"a peer is everyone: {rule}"


def test_a_token_is_mounted_where_a_role_is_bound_and_nowhere_else(scenario: Scenario) -> None:
    found = rendered(scenario)
    bound = {s["name"] for each in found.of("RoleBinding") for s in each["subjects"] if s["kind"] == "ServiceAccount"}
    for each, template in found.pods():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is (spec.get("serviceAccountName") in bound), named(each)
        assert spec["enableServiceLinks"] is False, named(each)
    for account in found.of("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False, named(account)


def test_roles_name_what_they_open(scenario: Scenario) -> None:
    found = rendered(scenario)
    assert found.of("ClusterRole", "ClusterRoleBinding") == []
    for role in found.of("Role"):
        for rule in role["rules"]:
            assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]], named(role)
            assert "secrets" not in rule["resources"], named(role)
            if "configmaps" in rule["resources"]:
                assert rule["resourceNames"], named(role)


def test_secrets_are_only_referred_to(scenario: Scenario) -> None:
    found = rendered(scenario)
    assert found.of("Secret") == []
    for each in found.objects:
        assert not SECRET.search(json.dumps(each)), f"{named(each)} holds what looks like a secret"
    for place, container, _ in containers(scenario):
        for variable in container.get("env", []):
            told = variable.get("value", "")
            path = told.startswith(("/", "file:")) or not told
            assert path or not SECRET_NAME.search(variable["name"]), f"{place}: {variable['name']} is written out"


def test_objects_are_labelled_and_selectors_hold_nothing_that_changes(scenario: Scenario) -> None:
    for each in rendered(scenario).objects:
        labels = each["metadata"].get("labels", {})
        assert {f"app.kubernetes.io/{label}" for label in LABELS} <= set(labels), named(each)
        assert labels["app.kubernetes.io/part-of"] == "fairlead", named(each)
        for selector in selectors(each.get("spec", {})):
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(selector), named(each)


def selectors(spec: Any) -> Iterator[dict[str, str]]:
    if isinstance(spec, list):
        for each in spec:
            yield from selectors(each)
    if isinstance(spec, dict):
        if isinstance(spec.get("matchLabels"), dict):
            yield spec["matchLabels"]
        for each in spec.values():
            yield from selectors(each)


def test_an_autoscaler_alone_says_how_many(scenario: Scenario) -> None:
    found = rendered(scenario)
    scaled = {
        (each["spec"]["scaleTargetRef"]["kind"], each["spec"]["scaleTargetRef"]["name"])
        for each in found.of("HorizontalPodAutoscaler", "ScaledObject")
    }
    for each in found.of("Deployment", "StatefulSet", "Rollout"):
        says = "replicas" in each["spec"]
        assert says is ((each["kind"], each["metadata"]["name"]) not in scaled), named(each)
    assert scaled <= {(each["kind"], each["metadata"]["name"]) for each in found.objects}


def wave(each: Object) -> int:
    return int(each["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", "0"))


def test_what_a_pod_needs_is_there_before_it(scenario: Scenario) -> None:
    """A wave waits for the one before it to be well: a pod that needs something of a later wave would wait for ever."""
    found = rendered(scenario)
    for each, template in found.pods():
        spec, labels = template["spec"], template["metadata"]["labels"]
        needed = [("ServiceAccount", spec.get("serviceAccountName"))]
        for volume in spec.get("volumes", []):
            needed.append(("ConfigMap", volume.get("configMap", {}).get("name")))
            needed.append(("PersistentVolumeClaim", volume.get("persistentVolumeClaim", {}).get("claimName")))
        before = [other for other in found.objects if (other["kind"], other["metadata"]["name"]) in needed]
        before += [
            p for p in found.of("NetworkPolicy") if picks(p["spec"]["podSelector"].get("matchLabels", {}), labels)
        ]
        before += found.of("Service")
        late = [named(other) for other in before if wave(other) > wave(each)]
        assert late == [], f"{named(each)} is of wave {wave(each)}"


def test_what_helm_runs_before_an_installation_needs_nothing_of_it(scenario: Scenario) -> None:
    found = rendered(scenario)
    for each, template in found.pods():
        hooks = each["metadata"].get("annotations", {}).get("helm.sh/hook", "")
        if "pre-install" not in hooks:
            continue
        labels = template["metadata"]["labels"]
        assert "serviceAccountName" not in template["spec"], named(each)
        policies = [p for p in found.of("NetworkPolicy") if picks(p["spec"]["podSelector"]["matchLabels"], labels)]
        for policy in policies:
            assert policy["metadata"]["annotations"]["helm.sh/hook"] == hooks, named(policy)
            weights = [int(other["metadata"]["annotations"]["helm.sh/hook-weight"]) for other in (policy, each)]
            assert weights[0] < weights[1], named(policy)
