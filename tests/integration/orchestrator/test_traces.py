"""What the traces of a real run say: every attribute is in the registry, and an answer's trace has all it promises."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan

from common.attributes import ATTRIBUTES, Type
from conftest import Database
from fakes.traces import attributes
from integration.orchestrator.traced_run import ANSWER, CALLER, QUESTION, TracedRun, traced_run

TAG = "mlflow.traceTag."
TYPES: dict[Type, type] = {
    "text": str,
    "int": int,
    "float": float,
    "bool": bool,
    "texts": list,
    "JSON": str,
}


@pytest.fixture(scope="module")
async def run(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TracedRun]:
    folder: Path = tmp_path_factory.mktemp("traced")
    async with traced_run(module_database, folder) as run:
        yield run


def registered(name: str) -> str:
    """The name as the registry writes it."""
    return f"{TAG}{{name}}" if name.startswith(TAG) else name


async def test_every_attribute_is_in_the_registry_and_every_one_there_is_sent(run: TracedRun) -> None:
    sent = {registered(name) for name, _ in run.attributes()}
    assert sorted(sent - ATTRIBUTES.keys()) == []
    assert sorted(ATTRIBUTES.keys() - sent) == []
    tags = {name.removeprefix(TAG) for name, _ in run.attributes() if name.startswith(TAG)}
    assert tags <= ATTRIBUTES.keys()


async def test_every_attribute_is_of_its_type(run: TracedRun) -> None:
    different = {
        name
        for name, value in run.attributes()
        if type(value) is not TYPES[ATTRIBUTES[registered(name)].type]
        or (ATTRIBUTES[registered(name)].type == "JSON" and not isinstance(json.loads(value), list))
    }
    assert different == set()


async def test_content_is_only_where_it_is_captured(run: TracedRun) -> None:
    content = {name for name, attribute in ATTRIBUTES.items() if attribute.content}
    assert {"input.value", "output.value", "db.query.text"} <= content
    for span in run.receiver.spans:
        given = attributes(span)
        if content & given.keys():
            assert given["fairlead.capture"] in ("redacted", "full")
        if "db.query.text" in given:
            assert given["fairlead.capture"] == "full"


@pytest.mark.parametrize("asked", ["whole", "streamed"])
async def test_an_answers_trace_says_all_that_went_into_it(run: TracedRun, asked: str) -> None:
    spans = run.trace_of(asked)
    root, generated = attributes(spans["answer"]), attributes(spans["generate"])
    assert root["input.value"] == '{"messages":[{"role":"user","content":"When was it built?"}]}'
    assert ANSWER in root["output.value"]
    assert (root["gen_ai.conversation.id"], root["user.id"]) == ("tour", "ada")
    assert (root["gen_ai.prompt.name"], root["fairlead.prompt.version"]) == ("answer", "1")
    assert (root["fairlead.cost"], root["fairlead.cost.currency"]) == (pytest.approx(100e-6 + 20 * 2e-6), "USD")
    assert (generated["gen_ai.usage.input_tokens"], generated["gen_ai.usage.output_tokens"]) == (100, 20)
    assert 0 < generated["gen_ai.response.time_to_first_chunk"] < root_seconds(spans["answer"])
    assert (generated["gen_ai.prompt.name"], generated["fairlead.prompt.version"]) == ("answer", "1")
    assert attributes(spans["rewrite"])["gen_ai.prompt.name"] == "rewrite"
    assert attributes(spans["rewrite"])["output.value"] == QUESTION
    links = [link.trace_id.hex() for link in spans["answer"].links]
    assert links == ([CALLER] if asked == "whole" else [])


@pytest.mark.parametrize("step", ["retrieve", "rerank", "expand"])
async def test_every_passage_is_there_with_its_place(run: TracedRun, step: str) -> None:
    given = attributes(run.trace_of("whole")[step])
    listed = json.loads(given["output.value"])
    places = json.loads(given["gen_ai.retrieval.documents"])
    assert len(listed) == len(places) == 2
    for rank, (document, place) in enumerate(zip(listed, places, strict=True), 1):
        assert (place["rank"], place["page"]) == (rank, None)
        assert place["id"] == document["id"] != ""
        assert 0 < place["score"] == document["metadata"]["score"] <= 1
        assert place["file_id"].startswith("file-")
        assert document["metadata"]["filename"] in ("lighthouse.md", "harbour light.md")
        assert "was built in 1874" in document["page_content"]


async def test_clients_are_traced_below_the_step_that_calls(run: TracedRun) -> None:
    spans = run.trace_of("whole")
    assert spans["POST /v1/embeddings"].parent_span_id == spans["embed"].span_id
    assert spans["POST /v1/rerank"].parent_span_id == spans["rerank"].span_id
    assert spans["SELECT keyword_candidates"].parent_span_id == spans["retrieve"].span_id
    pool = next(span for span in run.receiver.spans if span.name == "embeddings all-MiniLM-L6-v2" and span.links)
    assert pool.links[0].span_id in {span.span_id for span in run.receiver.spans if span.name == "POST /v1/embeddings"}


async def test_judgements_are_in_traces(run: TracedRun) -> None:
    (grounding,) = judgements(run.trace_of("whole")["guard_output"])
    assert grounding == {"gen_ai.evaluation.name": "grounding", "gen_ai.evaluation.score.value": 1.0}
    about = run.answers["whole"]["trace_id"]
    feedback = next(span for span in run.receiver.spans if attributes(span).get("fairlead.feedback.trace_id") == about)
    assert feedback.name == "POST /v1/feedback"
    assert attributes(feedback)["fairlead.feedback.id"] == run.answers["judged"]["id"]
    assert judgements(feedback) == [
        {
            "gen_ai.evaluation.name": "user_feedback",
            "gen_ai.evaluation.score.value": 0.0,
            "gen_ai.evaluation.score.label": "down",
        }
    ]


async def test_a_failure_is_in_the_step_where_it_happened(run: TracedRun) -> None:
    spans = run.trace_of("degraded")
    (event,) = [event for event in spans["generate"].events if event.name == "exception"]
    assert attributes(event)["exception.type"].endswith("PoolUnavailable")
    assert attributes(spans["answer"])["fairlead.outcome"] == "degraded"
    failed = [span for span in run.receiver.spans if attributes(span).get("db.response.status_code") == "42P01"]
    assert {span.name for span in failed} == {"INSERT feedback"}


def judgements(span: SentSpan) -> list[dict[str, Any]]:
    return [attributes(event) for event in span.events if event.name == "gen_ai.evaluation.result"]


def root_seconds(span: SentSpan) -> float:
    return (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9
