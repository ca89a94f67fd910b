"""`traced` makes a step of every kind of function, and changes nothing of what the function does."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from common.observing import ContentTunables
from common.settings import ServiceSettings
from common.telemetry import Telemetry, current_trace_id
from common.traced import traced
from fakes.traces import TraceReceiver, attributes


class Traces:
    """A tracer, and what it sent once it is closed."""

    def __init__(self, receiver: TraceReceiver) -> None:
        self._receiver = receiver
        self.telemetry = Telemetry(ServiceSettings(service="test", otlp_endpoint=receiver.url))

    async def sent(self) -> dict[str, SentSpan]:
        await asyncio.to_thread(self.telemetry.close)
        return {span.name: span for span in self._receiver.spans}


@pytest.fixture
async def traces() -> AsyncIterator[Traces]:
    async with TraceReceiver().running() as receiver:
        yield Traces(receiver)


class Shop:
    @traced
    def price(self, thing: str, *, count: int = 1) -> float:
        with traced("tax", "TOOL") as span:
            span.set("rate", 0.2)
        return count * 1.2

    @traced("stock", "RETRIEVER")
    async def in_stock(self, thing: str) -> bool:
        await asyncio.sleep(0)
        return thing == "lamp"

    @traced(content=False)
    def secret(self, key: str) -> str:
        return key


@traced
def numbers(upto: int) -> Generator[int, str, str]:
    """Counts."""
    for number in range(upto):
        try:
            said = yield number
        except KeyError:
            said = "mended"
        if said == "stop":
            return "stopped"
    return "done"


@traced(kind="LLM")
async def words(text: str) -> AsyncGenerator[str, None]:
    for word in text.split():
        with traced(f"word {word}"):
            await asyncio.sleep(0)
        yield word


@traced
async def failing(text: str) -> AsyncGenerator[str, None]:
    yield text
    raise ValueError(f"no more {text}")


async def test_functions_and_coroutines_are_steps_with_what_went_in_and_out(traces: Traces) -> None:
    shop = Shop()
    with traces.telemetry.root_span("visit", {}):
        assert shop.price("lamp", count=2) == 2.4
        assert await shop.in_stock("lamp")
        assert shop.secret("abc") == "abc"
    spans = await traces.sent()
    assert set(spans) == {"visit", "price", "tax", "stock", "secret"}
    assert spans["price"].parent_span_id == spans["stock"].parent_span_id == spans["visit"].span_id
    assert spans["tax"].parent_span_id == spans["price"].span_id
    price = attributes(spans["price"])
    assert (price["input.value"], price["output.value"]) == ('{"thing":"lamp","count":2}', "2.4")
    assert attributes(spans["stock"])["openinference.span.kind"] == "RETRIEVER"
    assert attributes(spans["tax"])["rate"] == 0.2
    assert "input.value" not in attributes(spans["secret"])


async def test_generators_keep_their_manners(traces: Traces) -> None:
    with traces.telemetry.root_span("visit", {}):
        assert list(numbers(3)) == [0, 1, 2]
        spoken_to = numbers(9)
        assert (next(spoken_to), spoken_to.throw(KeyError()), spoken_to.send("go on")) == (0, 1, 2)
        with pytest.raises(StopIteration, match="stopped"):
            spoken_to.send("stop")
        assert numbers.__doc__ == "Counts."
        given_up = numbers(9)
        next(given_up)
        given_up.close()
        nobody_handles = numbers(9)
        next(nobody_handles)
        with pytest.raises(RuntimeError, match="unheard of"):
            nobody_handles.throw(RuntimeError("unheard of"))
    outputs = [attributes(span)["output.value"] for span in (await traces.sent(), traces._receiver.spans)[1][:-1]]
    assert outputs == ["[0,1,2]", "[0,1,2]", "[0]", "[0]"]


async def test_a_stream_is_one_step_and_what_its_reader_does_is_not_below_it(traces: Traces) -> None:
    with traces.telemetry.root_span("visit", {}):
        async for word in words("two words"):
            with traced(f"read {word}"):
                pass
    spans = await traces.sent()
    stream = spans["words"]
    assert spans["word two"].parent_span_id == stream.span_id
    assert spans["read two"].parent_span_id == spans["visit"].span_id
    assert stream.end_time_unix_nano >= spans["read words"].end_time_unix_nano
    said = attributes(stream)
    assert (said["input.value"], said["output.value"]) == ('{"text":"two words"}', "twowords")
    assert said["gen_ai.response.time_to_first_chunk"] > 0


async def test_a_stream_that_is_left_or_fails_ends(traces: Traces) -> None:
    with traces.telemetry.root_span("visit", {}):
        async with aclosing(words("one two three")) as stream:
            assert await anext(stream) == "one"
            # Closed by another task than the one that read it, as servers do.
            await asyncio.create_task(stream.aclose())
        with pytest.raises(ValueError, match="no more"):
            assert [piece async for piece in failing("tea")] == ["never"]
    spans = await traces.sent()
    assert attributes(spans["words"])["output.value"] == "one"
    assert spans["words"].status.code == Status.STATUS_CODE_UNSET
    assert spans["failing"].status.code == Status.STATUS_CODE_ERROR
    assert attributes(spans["failing"].events[0])["exception.type"] == "ValueError"
    assert attributes(spans["failing"])["output.value"] == "tea"


async def test_exceptions_are_recorded_and_pass(traces: Traces) -> None:
    @traced
    async def gives_up(patience: int) -> None:
        raise TimeoutError(f"after {patience}")

    with traces.telemetry.root_span("visit", {}), pytest.raises(TimeoutError):
        await gives_up(3)
    spans = await traces.sent()
    assert spans["gives_up"].status.message == "after 3"
    assert spans["visit"].status.code == Status.STATUS_CODE_UNSET


@pytest.mark.parametrize("mode", ["off", "redacted", "full"])
async def test_arguments_are_content(traces: Traces, mode: str) -> None:
    traces.telemetry.capture(ContentTunables.model_validate({"capture": mode}))
    with traces.telemetry.root_span("visit", {}):
        await Shop().in_stock("lamp of jane@example.org")
    found: Any = attributes((await traces.sent())["stock"]).get("input.value")
    expected = {"off": None, "redacted": '{"thing":"lamp of [email]"}', "full": '{"thing":"lamp of jane@example.org"}'}
    assert found == expected[mode]


def test_outside_of_a_trace_everything_just_runs() -> None:
    assert Shop().price("lamp") == 1.2
    assert list(numbers(2)) == [0, 1]
    assert current_trace_id() is None
