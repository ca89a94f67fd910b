"""The examples of docs/tracing.md run, and make the traces that the guide promises."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from aiohttp import web
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan

from common.settings import ServiceSettings
from common.telemetry import Telemetry
from fakes.traces import TraceReceiver, attributes

GUIDE = Path(__file__).parents[3] / "docs" / "tracing.md"
EXAMPLES = dict(re.findall(r"```python file=(\w+)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL))


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TraceReceiver]:
    async with TraceReceiver().running() as receiver:
        monkeypatch.setenv("FAIRLEAD_OTLP_ENDPOINT", receiver.url)
        yield receiver


def run(example: str, **given: Any) -> dict[str, Any]:
    """The names that the example leaves."""
    names: dict[str, Any] = {"__name__": example, **given}
    exec(compile(EXAMPLES[example], f"{GUIDE.name}:{example}", "exec"), names)
    return names


def by_name(receiver: TraceReceiver) -> dict[str, SentSpan]:
    return {span.name: span for span in receiver.spans}


async def test_automatic(receiver: TraceReceiver) -> None:
    called: list[str | None] = []

    async def sunny(request: web.Request) -> web.Response:
        called.append(request.headers.get("traceparent"))
        return web.Response(text="sunny")

    service = web.Application()
    service.router.add_get("/", sunny)
    runner = web.AppRunner(service)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    app = run("automatic", WEATHER_URL=f"http://127.0.0.1:{runner.addresses[0][1]}/")["app"]
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            assert (await client.post("/weather/harbour")).json() == {"weather": "sunny"}
        await asyncio.to_thread(app.state.telemetry.close)
    await runner.cleanup()

    spans = by_name(receiver)
    root, call = spans["POST /weather/{place}"], spans["GET 127.0.0.1"]
    assert call.parent_span_id == root.span_id
    assert called[0] is not None
    assert called[0].split("-")[1:3] == [root.trace_id.hex(), call.span_id.hex()]
    assert "harbour" not in attributes(call)["url.full"]


async def test_decorated(receiver: TraceReceiver) -> None:
    example = run("decorated")
    tracing = Telemetry(ServiceSettings(service="test"))
    with tracing.root_span("visit", {}):
        assert example["shortened"]("lighthouse", longest=5) == "light…"
        assert await example["look_up"]("lighthouse") == "lighthouse: a tower with a light"
        assert [piece async for piece in example["told"]("two words")] == ["two ", "words "]
    await asyncio.to_thread(tracing.close)
    spans = by_name(receiver)
    assert set(spans) == {"visit", "shortened", "look up", "dictionary", "told"}
    assert attributes(spans["shortened"])["input.value"] == '{"text":"lighthouse","longest":5}'
    assert attributes(spans["look up"])["openinference.span.kind"] == "TOOL"
    assert spans["dictionary"].parent_span_id == spans["look up"].span_id
    assert attributes(spans["told"])["output.value"] == "two words "
    assert attributes(spans["told"])["gen_ai.response.time_to_first_chunk"] >= 0


async def test_by_hand(receiver: TraceReceiver) -> None:
    tracing = Telemetry(ServiceSettings(service="test"))
    trace_id = await run("by_hand")["answer_from_shelf"](tracing, "When was it built?")
    await asyncio.to_thread(tracing.close)
    spans = by_name(receiver)
    root = spans["shelf answer"]
    assert root.trace_id.hex() == trace_id
    assert attributes(root)["output.value"] == "It was built in 1874."
    assert {spans[name].parent_span_id for name in ("find", "write")} == {root.span_id}
    assert "Built in 1874." in attributes(spans["find"])["output.value"]
    assert [event.name for event in spans["write"].events] == ["first_token"]
    assert [event.name for event in root.events] == ["gen_ai.evaluation.result"]


def test_each_level_has_one_example() -> None:
    assert list(EXAMPLES) == ["automatic", "decorated", "by_hand"]
