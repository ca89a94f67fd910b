"""Spans reach a real OTLP receiver in the contract's shape, and a receiver that is away harms nobody."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from common import span, telemetry
from common.observing import ContentTunables
from common.settings import ServiceSettings
from common.telemetry import Document, Telemetry
from fakes.traces import TraceReceiver, attributes


@pytest.fixture
async def receiver() -> AsyncIterator[TraceReceiver]:
    async with TraceReceiver().running() as receiver:
        yield receiver


async def test_a_request_is_one_trace_linked_to_its_caller(receiver: TraceReceiver) -> None:
    url, spans, headers = receiver.url, receiver.spans, receiver.headers
    settings = ServiceSettings(service="test", otlp_endpoint=url, otlp_headers="X-Mlflow-Experiment-Id=7")
    tracing = Telemetry(settings)
    caller = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
    with tracing.root_span("chat", caller) as root:
        root.input("a question")
        with tracing.span("retrieve", "RETRIEVER") as step:
            step.documents([Document("c1", "text", 0.5, "file-1", 3, {"title": "Harbour"})])
            trace_id = telemetry.current_trace_id()
            outgoing = telemetry.trace_headers()
        with pytest.raises(ValueError), tracing.span("generate", "LLM"):
            raise ValueError("no answer")
    await asyncio.to_thread(tracing.close)

    named = {span.name: span for span in spans}
    assert set(named) == {"chat", "retrieve", "generate"}
    assert named["chat"].parent_span_id == b""
    assert [link.trace_id.hex() for link in named["chat"].links] == ["a" * 32]
    assert {span.trace_id.hex() for span in spans} == {root.trace_id} == {trace_id}
    assert outgoing["traceparent"].split("-")[1] == trace_id
    assert attributes(named["chat"])["input.value"] == "a question"
    retrieved = attributes(named["retrieve"])
    assert retrieved["openinference.span.kind"] == "RETRIEVER"
    listed = json.loads(str(retrieved["output.value"]))
    (place,) = json.loads(str(retrieved["gen_ai.retrieval.documents"]))
    assert place == {"id": "c1", "score": 0.5, "rank": 1, "file_id": "file-1", "page": 3}
    metadata = {"score": 0.5, "rank": 1, "file_id": "file-1", "page": 3, "title": "Harbour"}
    assert listed == [{"page_content": "text", "metadata": metadata, "id": "c1"}]
    assert named["generate"].status.code == Status.STATUS_CODE_ERROR
    assert headers[0]["x-mlflow-experiment-id"] == "7"


async def test_content_stays_at_home_in_production(receiver: TraceReceiver) -> None:
    url, spans = receiver.url, receiver.spans
    tracing = Telemetry(ServiceSettings(service="test", otlp_endpoint=url, environment="prod"))
    with tracing.root_span("chat", {}) as root:
        root.input("my secret question")
        root.documents([Document("c1", "a secret", 0.5, "file-1", 3, {"title": "secret"})])
        root.output({"answer": "my secret answer"})
    await asyncio.to_thread(tracing.close)
    assert [span.name for span in spans] == ["chat"]
    assert b"secret" not in spans[0].SerializeToString()
    assert '"page":3' in attributes(spans[0])["gen_ai.retrieval.documents"]


async def test_long_content_is_cut_and_marked(receiver: TraceReceiver) -> None:
    url, spans = receiver.url, receiver.spans
    tracing = Telemetry(ServiceSettings(service="test", otlp_endpoint=url))
    with tracing.root_span("chat", {}) as root:
        root.input("x" * (span.LONGEST_CONTENT + 1))
    await asyncio.to_thread(tracing.close)
    sent = attributes(spans[0])
    assert len(str(sent["input.value"])) == span.LONGEST_CONTENT
    assert sent["fairlead.input.cut_from_chars"] == span.LONGEST_CONTENT + 1


def test_answers_have_a_trace_id_without_a_receiver() -> None:
    tracing = Telemetry(ServiceSettings(service="test"))
    with tracing.root_span("chat", {}) as root:
        assert int(root.trace_id, 16) != 0
    assert telemetry.current_trace_id() is None
    assert telemetry.trace_headers() == {}


def test_without_the_sdk_there_are_ids_and_no_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    tracing = Telemetry(ServiceSettings(service="test", otlp_endpoint="http://127.0.0.1:1/v1/traces"))
    with tracing.root_span("chat", {}) as root, tracing.span("step") as step:
        step.input("anything")
        assert int(root.trace_id, 16) != 0
        assert step.trace_id == root.trace_id == telemetry.current_trace_id()
    with tracing.root_span("chat", {}) as other:
        assert other.trace_id != root.trace_id
    tracing.close()


@pytest.mark.parametrize(
    ("content", "environment", "tenant", "found"),
    [
        ({}, "local", "a", "mail [email]"),
        ({}, "prod", "a", None),
        ({"capture": "off"}, "local", "a", None),
        ({"capture": "full"}, "prod", "a", "mail x@y.org EMP-1"),
        ({"capture": "off", "tenants": {"a": "full"}}, "prod", "a", "mail x@y.org EMP-1"),
        ({"capture": "full", "tenants": {"a": "off"}}, "local", "a", None),
        ({"tenants": {"a": "full"}}, "local", "b", "mail [email]"),
        ({"patterns": {"badge": "EMP-[0-9]+"}}, "local", "a", "mail [email] [badge]"),
    ],
)
async def test_content_is_captured_as_tunables_tenant_and_environment_say(
    receiver: TraceReceiver, content: dict[str, Any], environment: str, tenant: str, found: str | None
) -> None:
    tracing = Telemetry(ServiceSettings(service="test", otlp_endpoint=receiver.url, environment=environment))
    tracing.capture(ContentTunables.model_validate(content))
    with tracing.root_span("chat", {}, tenant=tenant), tracing.span("step") as step:
        step.input("mail x@y.org" + (" EMP-1" if found and ("EMP" in found or "badge" in found) else ""))
    await asyncio.to_thread(tracing.close)
    (sent,) = [span for span in receiver.spans if span.name == "step"]
    assert attributes(sent).get("input.value") == found


async def test_what_goes_wrong_is_told_without_secrets(receiver: TraceReceiver) -> None:
    tracing = Telemetry(ServiceSettings(service="test", otlp_endpoint=receiver.url))
    with pytest.raises(ValueError), tracing.root_span("GET ghp_abcdefghijklmnopqrstuvwx", {}) as root:
        root.event("asked", by="jane@example.org", times=2)
        root.set("documents", ["of jane@example.org"])
        raise ValueError("no login for postgresql://u:hunter22@host/db")
    await asyncio.to_thread(tracing.close)
    text = receiver.spans[0].SerializeToString()
    assert b"[key]" in text and b"[password]" in text
    for secret in (b"ghp_", b"jane@", b"hunter22"):
        assert secret not in text


async def test_the_first_traces_of_a_release_are_marked(receiver: TraceReceiver) -> None:
    url, spans = receiver.url, receiver.spans
    tracing = Telemetry(ServiceSettings(service="test", otlp_endpoint=url, traces_first_kept=2))
    for number in range(3):
        with tracing.root_span(f"root {number}", {}), tracing.span(f"step {number}"):
            pass
    await asyncio.to_thread(tracing.close)

    marked = {span.name for span in spans if attributes(span).get("fairlead.trace.first_of_release") is True}
    assert marked == {"root 0", "root 1"}
    assert len(spans) == 6
