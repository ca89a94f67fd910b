"""What is special in the charts of our own services: what they are told, hooks and their order, canaries, alerts."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.rendering import CHARTS, Object, Rendered, needs_helm, random_name, render
from common.settings import ServiceSettings
from ingestion.settings import IngestionSettings
from llm_proxy.settings import PoolSettings
from local_models.settings import LocalModelsSettings
from orchestrator.settings import OrchestratorSettings

pytestmark = needs_helm
SETTINGS: dict[str, type[ServiceSettings]] = {
    "orchestrator": OrchestratorSettings,
    "llm-proxy": PoolSettings,
    "local-models": LocalModelsSettings,
    "ingestion": IngestionSettings,
}


def main_container(found: Rendered) -> Object:
    (workload,) = found.of("Deployment", "Rollout")
    return workload["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("chart", SETTINGS)
def test_the_service_understands_all_that_it_is_told(chart: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("FAIRLEAD_")]:
        monkeypatch.delenv(name)
    container = main_container(render(chart))
    known = {f"FAIRLEAD_{field.upper()}" for field in SETTINGS[chart].model_fields}
    for variable in container["env"]:
        assert variable["name"] in known
        monkeypatch.setenv(variable["name"], variable.get("value", "postgresql://from-a-secret"))
    settings = SETTINGS[chart]()
    assert settings.auth == "keys"
    assert settings.host == "0.0.0.0"
    assert settings.environment == "test"
    assert settings.port == container["ports"][0]["containerPort"] == SETTINGS[chart].model_fields["port"].default


@pytest.mark.parametrize("chart", SETTINGS)
def test_files_that_the_service_is_told_of_are_mounted(chart: str) -> None:
    container = main_container(render(chart))
    mounts = [Path(mount["mountPath"]) for mount in container["volumeMounts"]]
    for variable in container["env"]:
        path = variable.get("value", "").removeprefix("file://")
        if path.startswith("/"):
            assert any(Path(path).is_relative_to(mount) for mount in mounts), variable["name"]


@pytest.mark.parametrize("chart", [chart for chart in SETTINGS if chart != "local-models"])
def test_only_its_own_service_key_is_mounted(chart: str) -> None:
    found = render(chart, release=random_name("r"))
    (workload,) = found.of("Deployment")
    volumes = {volume["name"]: volume for volume in workload["spec"]["template"]["spec"]["volumes"]}
    assert volumes["service-key"]["secret"]["items"] == [{"key": chart, "path": "key"}]


def test_environments_are_called_by_the_values_or_by_the_namespace() -> None:
    def told(values: dict[str, Any], namespace: str) -> str:
        container = main_container(render("llm-proxy", values=values, namespace=namespace))
        return next(each["value"] for each in container["env"] if each["name"] == "FAIRLEAD_ENVIRONMENT")

    assert told({}, "fairlead-prod") == "prod"
    assert told({}, "team-a") == "team-a"
    assert told({"global": {"environment": "test"}}, "fairlead-prod") == "test"
    assert told({"environment": "dev", "global": {"environment": "test"}}, "fairlead-prod") == "dev"


def test_a_release_s_digest_goes_before_its_tag_and_is_told_to_the_service() -> None:
    digest = "sha256:" + "a" * 64
    container = main_container(render("llm-proxy", values={"global": {"image": {"digests": {"llm-proxy": digest}}}}))
    assert container["image"] == f"ghcr.io/fairlead/fairlead-llm-proxy@{digest}"
    assert {"name": "FAIRLEAD_IMAGE_DIGEST", "value": digest} in container["env"]


def test_a_release_s_tag_is_not_overruled_by_an_older_digest() -> None:
    values = {"image": {"digest": "sha256:" + "a" * 64}, "global": {"image": {"tag": "c0ffee1"}}}
    assert main_container(render("llm-proxy", values=values))["image"].endswith("fairlead-llm-proxy:c0ffee1")


def test_the_schema_is_migrated_before_the_pods_and_asked_a_question_after_them() -> None:
    found = render("orchestrator")
    jobs = {each["metadata"]["name"]: each for each in found.of("Job")}
    migration, smoke = jobs["orchestrator-migration"], jobs["orchestrator-smoke"]
    hooks = {name: job["metadata"]["annotations"]["argocd.argoproj.io/hook"] for name, job in jobs.items()}
    assert hooks == {"orchestrator-migration": "Sync", "orchestrator-smoke": "PostSync"}
    assert migration["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] == "-1"
    policy = next(each for each in found.of("NetworkPolicy") if each["metadata"]["name"] == "orchestrator-migration")
    assert int(policy["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]) < -1
    (deployment,) = found.of("Deployment")
    assert "argocd.argoproj.io/sync-wave" not in deployment["metadata"].get("annotations", {})
    images = {c["image"] for job in jobs.values() for c in job["spec"]["template"]["spec"]["containers"]}
    assert images == {main_container(found)["image"]}
    environment = migration["spec"]["template"]["spec"]["containers"][0]["env"]
    assert [each["name"] for each in environment] == ["FAIRLEAD_DATABASE_OWNER_URL"]
    assert smoke["metadata"]["annotations"]["helm.sh/hook"] == "test"


def test_only_the_migration_is_the_database_s_owner() -> None:
    names = [each["name"] for each in main_container(render("orchestrator"))["env"]]
    assert "FAIRLEAD_DATABASE_URL" in names
    assert "FAIRLEAD_DATABASE_OWNER_URL" not in names


@pytest.mark.parametrize("scenario", ["canary", "operators"])
def test_a_canary_is_judged_by_its_own_pods_at_every_share(scenario: str) -> None:
    found = render("orchestrator", [CHARTS / "orchestrator" / "ci" / f"{scenario}-values.yaml"])
    (rollout,), (template,) = found.of("Rollout"), found.of("AnalysisTemplate")
    assert found.of("Deployment") == []
    steps = rollout["spec"]["strategy"]["canary"]["steps"]
    assert [next(iter(step)) for step in steps] == ["setWeight", "analysis"] * (len(steps) // 2)
    for step in steps[1::2]:
        assert step["analysis"]["templates"] == [{"templateName": template["metadata"]["name"]}]
    queries = {each["name"]: each["provider"]["prometheus"]["query"] for each in template["spec"]["metrics"]}
    assert set(queries) == {"errors", "late", "bad-feedback", "service-level"}
    assert all(f'namespace="{found.namespace}"' in query for query in queries.values())
    for name in ("errors", "late"):
        assert 'pod=~"orchestrator-{{args.canary}}-.*"' in queries[name]
    services = {each["metadata"]["name"] for each in found.of("Service")}
    canary = rollout["spec"]["strategy"]["canary"]
    assert {canary.get(key, "orchestrator") for key in ("stableService", "canaryService")} <= services


def test_what_a_canary_is_judged_by_is_recorded_or_exported() -> None:
    found = render("orchestrator", values={"rollout": {"enabled": True}})
    queries = " ".join(m["provider"]["prometheus"]["query"] for m in found.of("AnalysisTemplate")[0]["spec"]["metrics"])
    recorded = set(re.findall(r"fairlead:[a-z0-9_:]+", queries))
    rules = yaml.safe_load((CHARTS / "orchestrator" / "alerts" / "recording.yaml").read_text())
    assert recorded and recorded <= {rule["record"] for group in rules["groups"] for rule in group["rules"]}
    exported = (CHARTS.parent / "docs" / "metrics.md").read_text()
    for metric in set(re.findall(r"fairlead_[a-z_]+", queries)):
        assert f"`{re.sub('_(bucket|count)$', '', metric)}`" in exported


@pytest.mark.parametrize("chart", [*SETTINGS])
def test_every_alert_and_dashboard_of_the_chart_is_installed(chart: str) -> None:
    on = {"prometheusRule": {"enabled": True, "runbooks": "https://r.example.com/"}, "dashboards": {"enabled": True}}
    found = render(chart, values=on)
    written = {
        rule.get("alert") or rule["record"]
        for path in (CHARTS / chart / "alerts").glob("*.yaml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
    }
    installed = [rule for each in found.of("PrometheusRule") for g in each["spec"]["groups"] for rule in g["rules"]]
    assert {rule.get("alert") or rule["record"] for rule in installed} == written
    for rule in installed:
        if "alert" in rule:
            assert rule["annotations"]["runbook_url"] == f"https://r.example.com/{rule['alert']}.md"
    boards = {name: text for each in found.of("ConfigMap") for name, text in each.get("data", {}).items()}
    for path in (CHARTS / chart / "dashboards").glob("*.json"):
        assert json.loads(boards[path.name]) == json.loads(path.read_text())


def test_the_worker_is_scaled_by_its_queue_and_the_pool_by_open_calls() -> None:
    def query(chart: str) -> str:
        found = render(chart, values={"autoscaling": {"enabled": True, "by": "keda"}})
        return found.of("ScaledObject")[0]["spec"]["triggers"][0]["metadata"]["query"]

    assert query("ingestion") == 'max(fairlead_ingest_queue_jobs{namespace="fairlead-test",state="todo"})'
    assert "fairlead_pool_endpoint_calls_open" in query("llm-proxy")
    assert 'service="orchestrator"' in query("orchestrator")
