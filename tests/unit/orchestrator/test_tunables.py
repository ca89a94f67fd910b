"""Every tunable has a range, a meaning and a change class, and a bad edit is refused with its key."""

import pytest

from common.yaml_text import ConfigError, load
from orchestrator.tunables import OrchestratorTunables


def test_the_defaults_are_valid() -> None:
    tunables = OrchestratorTunables()
    assert load("{}", OrchestratorTunables) == tunables
    assert tunables.default_application() == "fairlead"


def test_every_tunable_says_what_it_is_and_what_a_change_needs() -> None:
    for name, field in OrchestratorTunables.model_fields.items():
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict), name
        assert field.json_schema_extra["change"] in ("live", "reevaluate", "reembed"), name


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("top_k: 0", "top_k", "greater than or equal to 1"),
        ("top_k: many", "top_k", "valid integer"),
        ("top_k: 40\ncandidates: 10", "candidates", "cannot fill top_k = 40"),
        ("fusion: best", "fusion", "'normalised' or 'rrf'"),
        ("keyword_weight: 1.5", "keyword_weight", "less than or equal to 1"),
        ("keyword_weight: .nan", "keyword_weight", "finite number"),
        ("temperature: -1", "temperature", "greater than or equal to 0"),
        ("topk: 3", "topk", "unknown key"),
        ("prompt_template: 'only {{ question }}'", "prompt_template", "does not use 'passages'"),
        ("applications: {}", "applications", "at least 1"),
        ("applications: {help: {}}", "applications.help.stores", "required"),
        ("applications: {'bad name': {stores: [a]}}", "applications.bad name", "match pattern"),
        ("max_tokens: 1000000", "max_tokens", "less than or equal to"),
        ("system_prompt: ''", "system_prompt", "at least 1 character"),
    ],
)
def test_a_bad_value_is_refused_with_its_key(text: str, key: str, reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(text, OrchestratorTunables)
    assert refused.value.key is not None
    assert refused.value.key.startswith(key)
    assert reason in refused.value.reason


def test_the_first_application_is_the_default() -> None:
    tunables = load("applications: {support: {stores: [faq]}, legal: {stores: [law]}}", OrchestratorTunables)
    assert tunables.default_application() == "support"
