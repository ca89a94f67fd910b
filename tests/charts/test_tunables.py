"""Tunables of the values become what the service reads, and an edit of them restarts nothing."""

import json
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from charts.rendering import Object, Rendered, Scenario, needs_helm, render, rendered, scenarios
from common.config_texts import ConfigTexts
from ingestion.tunables import IngestionTunables
from llm_proxy.config import PoolConfig
from orchestrator.tunables import OrchestratorTunables

pytestmark = needs_helm
M = TypeVar("M", bound=BaseModel)
FLAT: dict[str, type[BaseModel]] = {"orchestrator": OrchestratorTunables, "ingestion": IngestionTunables}
LIVE = [each for each in scenarios() if each.chart in (*FLAT, "llm-proxy")]


def config_map(found: Rendered, suffix: str = "-tunables") -> Object:
    return next(each for each in found.of("ConfigMap") if each["metadata"]["name"].endswith(suffix))


def read(data: dict[str, str], model: type[M]) -> M:
    """The ConfigMap as the service reads it."""
    return ConfigTexts.of(data).load(model)


@pytest.mark.parametrize("scenario", LIVE, ids=str)
def test_the_service_takes_what_the_chart_writes(scenario: Scenario) -> None:
    data = config_map(rendered(scenario))["data"]
    if scenario.chart in FLAT:
        read(data, FLAT[scenario.chart])
    else:
        read(data, PoolConfig)


# A pod is smaller than a machine.
OF_THE_CHART: dict[str, dict[str, Any]] = {"ingestion": {"concurrency": 2}}


@pytest.mark.parametrize("chart", FLAT)
def test_a_chart_without_tunables_of_one_s_own_says_what_the_service_would_take_anyway(chart: str) -> None:
    written, defaults = read(config_map(render(chart))["data"], FLAT[chart]), FLAT[chart]()
    assert written == defaults.model_copy(update=OF_THE_CHART.get(chart, {}))


def test_texts_lists_maps_and_nothing_survive_the_way_to_the_service() -> None:
    values = {
        "system_prompt": "Line one: {braces} 'and' \"quotes\"\n  indented\nno newline at the end",
        "prompt_version": "2",
        "keyword_weight": 0.3,
        "max_tokens": 32768,
        "rerank": True,
        "recency_half_life_days": 90.5,
        "audit_groups": ["auditors", "null"],
        "quota": {"bytes": 10_000_000_000, "documents": 5},
        "quotas": {"legal": {"documents": 7}},
        "telemetry": {"logs": {"level": "standard", "modules": {"store": "extended"}}},
    }
    data = config_map(render("orchestrator", values={"tunables": values}))["data"]
    assert data["system_prompt"] == values["system_prompt"]
    assert data["quota.bytes"] == "10000000000"
    assert json.loads(data["quotas"]) == values["quotas"]
    assert data["telemetry.logs.level"] == "standard"
    found = read(data, OrchestratorTunables).model_dump(mode="json", exclude_unset=True)
    assert {key: found[key] for key in values} == values


def test_a_map_given_as_text_keeps_its_order() -> None:
    text = "wiki: {stores: [wiki]}\nhandbook: {stores: [handbook]}\n"
    data = config_map(render("orchestrator", values={"tunables": {"applications": text}}))["data"]
    assert read(data, OrchestratorTunables).default_application() == "wiki"


def test_large_numbers_of_the_pool_stay_numbers() -> None:
    """YAML writers and readers do not agree on 1e+07."""
    endpoint = {"name": "a", "url": "https://a.example.com/v1", "limits": {"tokens_per_minute": 10_000_000}}
    values = {"tunables": {"models": {"chat": {"endpoints": [endpoint]}}}}
    config = read(config_map(render("llm-proxy", values=values))["data"], PoolConfig)
    assert config.models["chat"].endpoints[0].limits.tokens_per_minute == 10_000_000


EDITS: dict[str, dict[str, Any]] = {
    "orchestrator": {"top_k": 9, "system_prompt": "Be brief."},
    "ingestion": {"sync_interval_s": 5, "chunking": {"size": 256}},
    "llm-proxy": {"queue": {"longest_wait_s": 7}},
}


@pytest.mark.parametrize("chart", EDITS)
def test_an_edit_changes_the_config_map_and_nothing_else(chart: str) -> None:
    before, after = render(chart), render(chart, values={"tunables": EDITS[chart]})
    changed = [new for old, new in zip(before.objects, after.objects, strict=True) if old != new]
    assert changed == [config_map(after)]


@pytest.mark.parametrize("chart", EDITS)
def test_pods_read_and_write_no_other_config_map(chart: str) -> None:
    found = render(chart)
    tunables, last_good = config_map(found), config_map(found, "-last-good")
    assert "data" not in last_good, "Argo CD would undo what the pods write"
    rights = {
        (verb, name)
        for rule in found.of("Role")[0]["rules"]
        if rule["resources"] == ["configmaps"]
        for verb in rule["verbs"]
        for name in rule["resourceNames"]
    }
    read_both = {(v, c["metadata"]["name"]) for v in ("get", "list", "watch") for c in (tunables, last_good)}
    assert rights == read_both | {(verb, last_good["metadata"]["name"]) for verb in ("patch", "update")}
    environment = _environment(found)
    assert environment["FAIRLEAD_CONFIG_MAP"] == tunables["metadata"]["name"]
    assert environment["FAIRLEAD_LAST_GOOD_CONFIG_MAP"] == last_good["metadata"]["name"]


@pytest.mark.parametrize("chart", EDITS)
def test_without_the_watch_there_is_no_role_and_no_token(chart: str) -> None:
    found = render(chart, values={"liveConfig": {"watch": False}})
    assert found.of("Role", "RoleBinding") == []
    assert "FAIRLEAD_CONFIG_MAP" not in _environment(found)
    assert len(found.of("ConfigMap")) == 1


def _environment(found: Rendered) -> dict[str, str]:
    (deployment,) = found.of("Deployment")
    variables = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    return {each["name"]: each.get("value", "") for each in variables}
