"""Every span that ends is exported, counted as lost with a reason, or still waits: whatever the receiver does."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from opentelemetry.sdk.trace import TracerProvider

from common.metrics import SPANS, SPANS_LOST, SPANS_QUEUED
from common.otel_environment import Bounds, Receiver
from common.span_export import SpanExport
from fakes.traces import TraceReceiver

PATIENCE_S = 20.0
NAMES = iter(range(1_000_000))


@pytest.fixture
async def receiver() -> AsyncIterator[TraceReceiver]:
    async with TraceReceiver().running() as receiver:
        yield receiver


class Sender:
    """A tracer with an export of its own, and its counters."""

    def __init__(self, url: str, **bounds: float) -> None:
        self.service = f"sender-{next(NAMES)}"
        given = {"every_s": 0.02, "spans": 100, "batch": 10} | bounds
        self.export = SpanExport(self.service, Receiver(url, timeout_s=1.0), str, Bounds(**given))  # pyright: ignore
        self._provider = TracerProvider(shutdown_on_exit=False)
        self._provider.add_span_processor(self.export)
        self._tracer = self._provider.get_tracer("test")

    def end(self, count: int, size: int = 1) -> None:
        for _ in range(count):
            with self._tracer.start_as_current_span("span", attributes={"text": "x" * size}):
                pass

    def count(self, result: str) -> float:
        return SPANS.labels(self.service, result)._value.get()

    def lost(self, reason: str) -> float:
        return SPANS_LOST.labels(self.service, reason)._value.get()

    @property
    def queued(self) -> float:
        return next(
            sample.value
            for metric in SPANS_QUEUED.collect()
            for sample in metric.samples
            if sample.labels["service"] == self.service
        )

    def balanced(self) -> bool:
        done = sum(self.count(result) for result in ("exported", "failed", "dropped"))
        return self.count("ended") == done + self.queued

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.01)


async def test_an_outage_that_the_queue_can_hold_loses_nothing(receiver: TraceReceiver) -> None:
    sender = Sender(receiver.url)
    receiver.status = 503
    sender.end(60)
    await sender.until(lambda: receiver.calls >= 2)
    assert (sender.count("exported"), sender.balanced()) == (0, True)
    receiver.status = 200
    await sender.until(lambda: sender.count("exported") == 60)
    assert len(receiver.spans) == 60
    assert len({span.span_id for span in receiver.spans}) == 60
    await asyncio.to_thread(sender.export.shutdown)
    assert (sender.count("dropped"), sender.queued) == (0, 0)


async def test_what_the_queue_cannot_hold_is_counted(receiver: TraceReceiver) -> None:
    sender = Sender(receiver.url)
    receiver.status = 503
    sender.end(150)
    assert sender.lost("queue_full") == sender.count("dropped") >= 40
    assert sender.balanced()
    receiver.status = 200
    await asyncio.to_thread(sender.export.shutdown)
    assert len(receiver.spans) == 150 - sender.count("dropped")


async def test_the_queue_is_bounded_in_bytes(receiver: TraceReceiver) -> None:
    sender = Sender(receiver.url, bytes=100_000)
    receiver.status = 503
    sender.end(20, size=20_000)
    assert sender.lost("bytes_full") >= 15
    assert sender.balanced()
    receiver.status = 200
    await asyncio.to_thread(sender.export.shutdown)
    assert sender.balanced()


async def test_what_the_receiver_refuses_is_not_sent_again(receiver: TraceReceiver) -> None:
    sender = Sender(receiver.url)
    receiver.status = 400
    sender.end(5)
    await sender.until(lambda: sender.count("failed") == 5)
    assert (sender.lost("refused"), receiver.calls) == (5, 1)
    await asyncio.to_thread(sender.export.shutdown)


async def test_at_the_end_what_cannot_be_sent_is_counted_and_nobody_waits(receiver: TraceReceiver) -> None:
    sender = Sender("http://127.0.0.1:1/v1/traces")
    sender.end(25)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.to_thread(sender.export.shutdown)
    assert (sender.lost("closed"), sender.count("dropped"), sender.queued) == (25, 25, 0)
    sender.end(1)
    assert (sender.lost("closed"), sender.balanced()) == (26, True)


async def test_flushing_waits_until_all_is_sent(receiver: TraceReceiver) -> None:
    sender = Sender(receiver.url, every_s=60.0)
    sender.end(3)
    assert await asyncio.to_thread(sender.export.force_flush, 10_000)
    assert len(receiver.spans) == 3
    receiver.status = 503
    sender.end(1)
    assert not await asyncio.to_thread(sender.export.force_flush, 200)
    await asyncio.to_thread(sender.export.shutdown)
