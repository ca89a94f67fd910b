"""`python -m llm_proxy check FILE` and the live reload: every fault with its key and line, nothing valid refused."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

from common.live_config import LiveConfig
from common.yaml_text import ConfigError
from llm_proxy import observation, state
from llm_proxy.check import SERIES_OF_ENDPOINT, SERIES_OF_MODEL, problems, refuse_faulty, series
from llm_proxy.config import PoolConfig
from llm_proxy.failures import Failure

LEAST = """
models:
  m:
    endpoints: [{name: a, url: "http://host/v1", key: {env: NAME}, priority: 0, weight: 1}]
    timeouts: {first_token_s: 10, inter_chunk_s: 20, total_s: 300}
"""
EMBEDDING = """
models:
  embed:
    endpoints:
      - {name: a, url: "http://a/v1", space: {model: w, version: "1", dimension: 384}}
      - {name: b, url: "http://b/v1", space: {model: w, version: "1", dimension: 384}}
"""


def found(text: str) -> list[tuple[int | None, str | None]]:
    return [(problem.line, problem.key) for problem in problems(text)]


def test_the_least_configuration_is_valid() -> None:
    assert found(LEAST) == []


def test_every_problem_has_its_own_line_and_key() -> None:
    text = LEAST.replace("weight: 1", "weight: -1, colour: red") + "retry: {most_calls: many}\n"
    assert found(text) == [
        (4, "models.m.endpoints[0].weight"),
        (4, "models.m.endpoints[0].colour"),
        (6, "retry.most_calls"),
    ]


@pytest.mark.parametrize(
    ("field", "other"), [("model: w", "model: v"), ('version: "1"', 'version: "2"'), ("dimension: 384", "dimension: 3")]
)
def test_embedding_endpoints_must_share_one_space(field: str, other: str) -> None:
    assert found(EMBEDDING) == []
    before, mark, after = EMBEDDING.rpartition(field)
    assert mark
    assert found(before + other + after) == [(6, "models.embed.endpoints[1].space")]


def test_different_names_of_the_weights_must_be_said_to_be_the_same() -> None:
    endpoints = [{"name": "a", "url": "http://a/v1"}, {"name": "b", "url": "http://b/v1", "model": "deployment"}]
    model = {"endpoints": endpoints, "space": {"dimension": 3}}
    (problem,) = problems(yaml.safe_dump({"models": {"embed": model}}))
    assert "say so by space.model" in problem.reason
    model["space"] = {"dimension": 3, "model": "embed"}
    assert found(yaml.safe_dump({"models": {"embed": model}})) == []


def test_a_space_is_declared_by_all_or_none() -> None:
    text = EMBEDDING.replace(', space: {model: w, version: "1", dimension: 384}', "", 1)
    assert found(text) == [(5, "models.embed.endpoints[0].space")]


@pytest.mark.parametrize(
    ("more", "line", "key"),
    [
        ("    larger: none\n", 6, "models.m.larger"),
        ("    larger: m\n", 6, "models.m.larger"),
        ("prices: {models: {x: {input: 1}}}\n", 6, "prices.models.x"),
        ("callers: {default: {models: [m, x]}}\n", 6, "callers.default.models[1]"),
        ("callers:\n  keys:\n    nightly: {models: [x]}\n", 8, "callers.keys.nightly.models[0]"),
        ("callers: {default: {spend: {amount: 5}}}\n", 6, "callers.default.spend"),
        ("metrics: {most_series: 300}\n", 6, "metrics.most_series"),
    ],
)
def test_what_refers_to_nothing_or_binds_nothing_is_refused(more: str, line: int, key: str) -> None:
    assert found(LEAST + more) == [(line, key)]


def test_a_budget_binds_where_prices_are_said() -> None:
    assert found(LEAST + "callers: {default: {spend: {amount: 5}}}\nprices: {models: {m: {output: 10}}}\n") == []


def test_keys_and_how_they_are_sent_must_fit() -> None:
    assert found(LEAST.replace("weight: 1", "auth: workload_identity")) == [(4, "models.m.endpoints[0].key")]
    assert found(LEAST.replace("key: {env: NAME}", "auth: bearer")) == [(4, "models.m.endpoints[0].auth")]


def test_the_estimate_of_series_covers_what_a_model_makes_at_most_and_not_twice_that() -> None:
    model, endpoints = "counted", ("a", "b", "c")
    for outcome in ("ok", "client_gone", *map(str, (400, 401, 403, 404, 413, 422, 429, 500, 502, 503, 504))):
        observation.REQUESTS.labels(model, outcome)
    observation.ADDED.labels(model)
    for lane in ("interactive", "batch"):
        observation.QUEUE_WAIT.labels(model, lane)
    for winner in ("first", "second"):
        observation.HEDGES.labels(model, winner)
    for endpoint in endpoints:
        for outcome in ("ok", *(failure.value for failure in Failure)):
            observation.CALLS.labels(model, endpoint, outcome)
        observation.FIRST_BYTE.labels(model, endpoint)
        for kind in ("prompt", "completion"):
            observation.TOKENS.labels(model, endpoint, kind)
        observation.COST.labels(model, endpoint, "USD")
        state.BREAKER.labels(model, endpoint)
        state.KEY_OUT.labels(model, endpoint)
    samples = [sample for family in REGISTRY.collect() for sample in family.samples]
    made = sum(sample.labels.get("model") == model for sample in samples)
    estimated = SERIES_OF_MODEL + len(endpoints) * SERIES_OF_ENDPOINT
    assert estimated / 2 < made <= estimated


def test_a_configuration_as_large_as_the_budget_allows_is_thousands_of_endpoints_short() -> None:
    endpoints = [{"name": f"e{n}", "url": "http://h/v1"} for n in range(300)]
    config = PoolConfig.model_validate({"models": {"m": {"endpoints": endpoints}}})
    assert series(config) > config.metrics.most_series
    with pytest.raises(ConfigError, match="series"):
        refuse_faulty(config)


async def test_a_bad_edit_is_refused_with_its_line_and_the_last_good_one_serves(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    file.write_text(LEAST)
    live = LiveConfig(PoolConfig, file, service="check-test", validate_extra=refuse_faulty)
    good = live.load()
    async with live.watch(), asyncio.timeout(20):
        file.write_text(LEAST + "    larger: none\n")
        while live.refusal is None:
            await asyncio.sleep(0.02)
    assert live.current is good
    assert live.refusal is not None
    assert (live.refusal.line, live.refusal.key) == (6, "models.m.larger")


def test_the_command_exits_with_one_line_for_each_problem(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    file.write_text(LEAST + "    larger: none\nprices: {models: {x: {}}}\n")
    command = [sys.executable, "-m", "llm_proxy", "check", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    lines = done.stderr.splitlines()
    assert done.returncode == 1
    assert [line.split(": ")[1] for line in lines] == ["line 6, models.m.larger", "line 7, prices.models.x"]
