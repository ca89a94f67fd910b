"""The cluster refuses a tunable that its service would refuse, and nothing that the service or the chart writes."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import celpy
import pytest
import yaml
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from charts.rendering import CHARTS, Rendered, Scenario, needs_helm, render, rendered, scenarios
from common.config_texts import ConfigTexts, flat_keys, is_text
from common.yaml_text import ConfigError
from ingestion.tunables import IngestionTunables
from orchestrator.tunables import OrchestratorTunables

MODELS: dict[str, type[BaseModel]] = {"orchestrator": OrchestratorTunables, "ingestion": IngestionTunables}
KEYS = [(chart, name) for chart, model in MODELS.items() for name, _ in flat_keys(model)]
ON = {"admissionPolicy": {"enabled": True}}
# What the model sees only with another key, or in the text itself; the service says it a moment later.
TOGETHER = {"candidates", "chunking.size", "chunking.overlap", "prompt_template"}
TEXTS = [
    *("", "null", "true", "false", "True", "yes", "off", "auto", "full", "rrf", "abc", "a\nb", "a\x07", "ü", "-", "'"),
    *("0", "1", "-1", "2", "6", "0.5", "1e-3", "1e400", "9999999999999999", "NaN", ".inf", "0x10", "1_0", "8.0"),
    *("x" * 64, "x" * 65, "x" * 200, "x" * 201, "ü" * 200, "x" * 20_000, "x" * 20_001),
]


def rules(chart: str) -> list[dict[str, str]]:
    return yaml.safe_load((CHARTS / chart / "tunables" / "admission.yaml").read_text())


@cache
def programs(chart: str) -> dict[str, list[tuple[Any, str]]]:
    """The rules about each key; those about all under the empty one."""
    environment = celpy.Environment()
    found: dict[str, list[tuple[Any, str]]] = {}
    for rule in rules(chart):
        key = rule["message"].partition(": ")[0]
        about = key if (chart, key) in KEYS else ""
        found.setdefault(about, []).append(
            (environment.program(environment.compile(rule["expression"])), rule["message"])
        )
    return found


def refusals(chart: str, data: Mapping[str, str]) -> list[str]:
    """The messages of the rules that the ConfigMap breaks."""
    seen = celpy.json_to_cel({"variables": {"data": dict(data)}, "object": {"data": dict(data)}})
    # Rules about a key that is not there hold; one test sees to that.
    about = [rule for key in ("", *data) for rule in programs(chart).get(key, ())]
    return [message for program, message in about if not _holds(program, seen)]


def _holds(program: Any, seen: Any) -> bool:
    try:
        return bool(program.evaluate(seen))
    except celpy.CELEvalError:
        # So does the policy: a rule that fails is a refusal.
        return False


def taken(chart: str, key: str, text: str) -> bool:
    """Whether the service would take it."""
    try:
        ConfigTexts.of({key: text}).load(MODELS[chart])
    except ConfigError:
        return False
    return True


def around(tunable: FieldInfo) -> Iterator[str]:
    """Numbers at the bounds of the tunable, just inside and just outside."""
    for bound in tunable.metadata:
        for kind, name in ((Ge, "ge"), (Gt, "gt"), (Le, "le"), (Lt, "lt")):
            if isinstance(bound, kind):
                number = getattr(bound, name)
                yield from (str(number), str(number - 1), str(number + 1), str(number + 0.5), str(number - 0.5))


@pytest.mark.parametrize(("chart", "key"), KEYS)
def test_what_the_service_refuses_the_cluster_refuses(chart: str, key: str) -> None:
    tunable = dict(flat_keys(MODELS[chart]))[key]
    tried = ["", *around(tunable)] if is_whole(tunable) else [*TEXTS, *around(tunable)]
    let_through = [text for text in tried if not taken(chart, key, text) and not refusals(chart, {key: text})]
    assert let_through == [] or key in TOGETHER


@pytest.mark.parametrize(("chart", "key"), KEYS)
def test_what_a_chart_may_write_is_let_through(chart: str, key: str) -> None:
    tunable = dict(flat_keys(MODELS[chart]))[key]
    tried = [str(tunable.default), *TEXTS, *around(tunable)]
    written = [text for text in tried if written_for(tunable, text) and taken(chart, key, text)]
    assert [text for text in written if refusals(chart, {key: text})] == []
    assert written or is_whole(tunable)


def is_whole(tunable: FieldInfo) -> bool:
    """A list or a mapping, into which the rules do not look."""
    return any(each in str(tunable.annotation) for each in ("dict[", "tuple["))


def written_for(tunable: FieldInfo, text: str) -> bool:
    """Whether a chart may write it: texts as they stand, anything else as JSON."""
    if is_text(tunable):
        return True
    if tunable.annotation is bool:
        return text in ("true", "false")
    return text in ("", "null") or (_is_number(text) and ("float" in str(tunable.annotation) or "." not in text))


@pytest.mark.parametrize("chart", MODELS)
def test_a_key_that_is_not_there_is_not_judged(chart: str) -> None:
    seen = celpy.json_to_cel({"variables": {"data": {}}, "object": {}})
    assert [
        message for each in programs(chart).values() for program, message in each if not _holds(program, seen)
    ] == []


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdecimal() and text[-1] != "."


@pytest.mark.parametrize(
    ("chart", "data", "message"),
    [
        ("orchestrator", {"top_k": "99"}, "top_k: a whole number at least 1, at most 50"),
        ("orchestrator", {"fusion": "best"}, "fusion: one of normalised, rrf"),
        ("orchestrator", {"quota.documents": "-1"}, "quota.documents: a whole number at least 0, or empty"),
        ("ingestion", {"chunking.size": "1"}, "chunking.size: a whole number at least 64, at most 4096"),
        ("ingestion", {"config.yaml": "{}"}, "there is a key that is no tunable; docs/configuration.md lists them"),
    ],
)
def test_the_message_names_the_key_and_what_it_may_be(chart: str, data: dict[str, str], message: str) -> None:
    assert refusals(chart, data) == [message]


def test_binary_data_is_refused() -> None:
    seen = celpy.json_to_cel({"variables": {"data": {}}, "object": {"binaryData": {"top_k": "OA=="}}})
    broken = [message for program, message in programs("orchestrator")[""] if not _holds(program, seen)]
    assert broken == ["tunables are text: put them under data, not binaryData"]


def tunables_of(found: Rendered) -> dict[str, Any]:
    (tunables,) = (each for each in found.of("ConfigMap") if each["metadata"]["name"].endswith("-tunables"))
    return tunables


@needs_helm
@pytest.mark.parametrize("scenario", [each for each in scenarios() if each.chart in MODELS], ids=str)
def test_what_the_chart_writes_passes_its_own_rules(scenario: Scenario) -> None:
    assert refusals(scenario.chart, tunables_of(rendered(scenario))["data"]) == []


@needs_helm
@pytest.mark.parametrize("chart", MODELS)
def test_the_policy_is_about_this_release_alone(chart: str) -> None:
    found = render(chart, values=ON, release="mine", namespace="ours")
    (policy,), (binding,) = found.of("ValidatingAdmissionPolicy"), found.of("ValidatingAdmissionPolicyBinding")
    tunables = tunables_of(found)
    (rule,) = policy["spec"]["matchConstraints"]["resourceRules"]
    assert rule["resourceNames"] == [tunables["metadata"]["name"]]
    namespace = {"matchLabels": {"kubernetes.io/metadata.name": "ours"}}
    assert policy["spec"]["matchConstraints"]["namespaceSelector"] == namespace
    assert binding["spec"]["matchResources"]["namespaceSelector"] == namespace
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert policy["metadata"]["name"] != render(chart, values=ON).of("ValidatingAdmissionPolicy")[0]["metadata"]["name"]
    assert policy["spec"]["validations"] == rules(chart)
    # An upgrade writes the new tunables before the new rules: the old rules must know that they are not theirs.
    mark = tunables["metadata"]["annotations"]["fairlead/tunables-rules"]
    (condition,) = policy["spec"]["matchConditions"]
    environment = celpy.Environment()
    program = environment.program(environment.compile(condition["expression"]))
    for annotations, looked_at in (({"fairlead/tunables-rules": mark}, True), ({}, True), (None, True)):
        about = {} if annotations is None else {"annotations": annotations}
        assert bool(program.evaluate(celpy.json_to_cel({"object": {"metadata": about}}))) == looked_at
    other = {"object": {"metadata": {"annotations": {"fairlead/tunables-rules": "another"}}}}
    assert not program.evaluate(celpy.json_to_cel(other))


@needs_helm
@pytest.mark.parametrize("chart", MODELS)
def test_it_is_off_by_default(chart: str) -> None:
    found = render(chart)
    assert found.of("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding") == []
    assert "fairlead/tunables-rules" not in found.text
