"""Spans reach a real OTLP receiver in the contract's shape, and a receiver that is away harms nobody."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from common import telemetry
from common.settings import ServiceSettings
from common.telemetry import Telemetry

Received = tuple[str, list[SpanMessage], list[dict[str, str]]]


@pytest.fixture
async def receiver() -> AsyncIterator[Received]:
    """An OTLP/HTTP receiver: its URL, the spans it got and the headers they came with."""
    spans: list[SpanMessage] = []
    headers: list[dict[str, str]] = []

    async def traces(request: web.Request) -> web.Response:
        message = ExportTraceServiceRequest.FromString(await request.read())
        headers.append(dict(request.headers))
        spans.extend(span for r in message.resource_spans for scope in r.scope_spans for span in scope.spans)
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", traces)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces", spans, headers
    await runner.cleanup()


def attributes(span: SpanMessage) -> dict[str, object]:
    return {a.key: getattr(a.value, str(a.value.WhichOneof("value"))) for a in span.attributes}


async def test_a_request_is_one_trace_linked_to_its_caller(receiver: Received) -> None:
    url, spans, headers = receiver
    settings = ServiceSettings(service="test", otlp_endpoint=url, otlp_headers="X-Mlflow-Experiment-Id=7")
    tracing = Telemetry(settings)
    caller = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
    with tracing.root_span("chat", caller) as root:
        root.input("a question")
        with tracing.span("retrieve", "RETRIEVER") as step:
            step.documents([{"id": "c1", "content": "text", "score": 0.5, "metadata": {"page": 3}}])
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
    assert listed == [{"page_content": "text", "metadata": {"page": 3, "score": 0.5}, "id": "c1"}]
    assert (
        named["generate"].status.code
        == SpanMessage.DESCRIPTOR.file.message_types_by_name["Status"]
        .enum_types_by_name["StatusCode"]
        .values_by_name["STATUS_CODE_ERROR"]
        .number
    )
    assert headers[0]["x-mlflow-experiment-id"] == "7"


async def test_content_stays_at_home_in_production(receiver: Received) -> None:
    url, spans, _ = receiver
    tracing = Telemetry(ServiceSettings(service="test", otlp_endpoint=url, environment="prod"))
    with tracing.root_span("chat", {}) as root:
        root.input("my secret question")
        root.output({"answer": "my secret answer"})
    await asyncio.to_thread(tracing.close)
    assert [span.name for span in spans] == ["chat"]
    assert b"secret" not in spans[0].SerializeToString()


async def test_long_content_is_cut_and_marked(receiver: Received) -> None:
    url, spans, _ = receiver
    tracing = Telemetry(ServiceSettings(service="test", otlp_endpoint=url))
    with tracing.root_span("chat", {}) as root:
        root.input("x" * (telemetry.LONGEST_CONTENT + 1))
    await asyncio.to_thread(tracing.close)
    sent = attributes(spans[0])
    assert len(str(sent["input.value"])) == telemetry.LONGEST_CONTENT
    assert sent["fairlead.input.cut_from_chars"] == telemetry.LONGEST_CONTENT + 1


def test_answers_have_a_trace_id_without_a_receiver() -> None:
    tracing = Telemetry(ServiceSettings(service="test"))
    with tracing.root_span("chat", {}) as root:
        assert int(root.trace_id, 16) != 0
    assert telemetry.current_trace_id() is None
    assert telemetry.trace_headers() == {}


def test_spans_that_cannot_be_sent_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "EXPORT_TIMEOUT_S", 0.2)
    tracing = Telemetry(ServiceSettings(service="away", otlp_endpoint="http://127.0.0.1:1/v1/traces"))
    with tracing.root_span("chat", {}):
        pass
    tracing.close()
    assert telemetry.SPANS.labels("away", "failed")._value.get() == 1


async def test_the_first_traces_of_a_release_are_marked(receiver: Received) -> None:
    url, spans, _ = receiver
    tracing = Telemetry(ServiceSettings(service="test", otlp_endpoint=url, traces_first_kept=2))
    for number in range(3):
        with tracing.root_span(f"root {number}", {}), tracing.span(f"step {number}"):
            pass
    await asyncio.to_thread(tracing.close)

    marked = {span.name for span in spans if attributes(span).get("fairlead.trace.first_of_release") is True}
    assert marked == {"root 0", "root 1"}
    assert len(spans) == 6
