"""What is stored when only a share of traces is: by the real collector, from sending to a backend."""

import re
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from fakes import otlp
from integration.trace_collector import collector_process
from integration.trace_collector.collector_process import needs_collector

pytestmark = needs_collector
FILES = ("redaction", "base", "sampling", "otlp")


def to(backend: otlp.Backend, **told: str) -> dict[str, str]:
    return {"FAIRLEAD_OTLP_BACKEND_URL": backend.url, **told}


def rules(spans: list[Span]) -> dict[str, str]:
    """By which rule each was stored."""
    return {span.name: otlp.attributes(span)["fairlead.sampling.rule"] for span in spans}


async def test_everything_is_stored_by_default(tmp_path: Path) -> None:
    async with (
        otlp.backend() as store,
        collector_process.running(tmp_path, FILES, to(store)) as collector,
    ):
        assert await otlp.send(collector.url, *(otlp.trace(f"answer {n}", steps=3) for n in range(25))) == 200
        await store.until(lambda got: len(got.spans) == 100)
    assert len({span.span_id for span in store.spans}) == 100
    assert set(rules(store.spans).values()) == {"share"}
    assert {otlp.attributes(span)["fairlead.sampling.percent"] for span in store.spans} == {100.0}


async def test_with_a_share_of_nothing_what_matters_is_stored_whole(tmp_path: Path) -> None:
    sent = {
        "error": otlp.trace("failed", error=True),
        "slow": otlp.trace("slow", seconds=2.5),
        "degraded": otlp.trace("degraded", fairlead__degraded=["rerank"]),
        "release": otlp.trace("first", fairlead__trace__first_of_release=True),
        "none": otlp.trace("plain", fairlead__degraded=[]),
        "held": otlp.trace("quick", seconds=1.5),
    }
    told = {"FAIRLEAD_TRACES_KEPT_PERCENT": "0", "FAIRLEAD_TRACES_SLOW_MS": "2000"}
    async with (
        otlp.backend() as store,
        collector_process.running(tmp_path, FILES, to(store, **told)) as collector,
    ):
        await otlp.send(collector.url, *sent.values())
        held = 'otelcol_processor_tail_sampling_count_spans_sampled{decision="sampled",policy="held"'
        assert await collector.until(held, 4) == 4
        await store.until(lambda got: len(got.spans) >= 8)
    assert rules(store.spans) == {
        **dict.fromkeys(("failed", "failed.0"), "error"),
        **dict.fromkeys(("slow", "slow.0"), "slow"),
        **dict.fromkeys(("degraded", "degraded.0"), "degraded"),
        **dict.fromkeys(("first", "first.0"), "release"),
    }


async def test_a_share_is_a_share_and_says_so(tmp_path: Path) -> None:
    traces = 400
    async with (
        otlp.backend() as store,
        collector_process.running(tmp_path, FILES, to(store, FAIRLEAD_TRACES_KEPT_PERCENT="25")) as collector,
    ):
        await otlp.send(collector.url, *(otlp.trace(f"answer {number}") for number in range(traces)))
        decided = 'otelcol_processor_tail_sampling_global_count_traces_sampled{decision="sampled"'
        await collector.until(decided, traces)
    kept = len(store.traces)
    # Six standard deviations of a binomial are 52: a fair sampler is outside once in a billion runs.
    assert abs(kept - traces * 0.25) < 52
    assert len(store.spans) == 2 * kept, "whole traces"
    assert {otlp.attributes(span)["fairlead.sampling.percent"] for span in store.spans} == {25.0}


async def test_spans_that_come_late_follow_their_trace(tmp_path: Path) -> None:
    kept, left = otlp.trace("failed", error=True), otlp.trace("plain")
    async with (
        otlp.backend() as store,
        collector_process.running(tmp_path, FILES, to(store, FAIRLEAD_TRACES_KEPT_PERCENT="0")) as collector,
    ):
        await otlp.send(collector.url, kept, left)
        await store.until(lambda got: len(got.spans) == 2)
        late = [otlp.trace("late", trace_id=spans[0].trace_id, root=False) for spans in (kept, left)]
        await otlp.send(collector.url, *late)
        await store.until(lambda got: len(got.spans) == 3)
    assert store.traces == {kept[0].trace_id.hex()}
    assert rules(store.spans)["late.0"] == "error"


async def test_promoted_traces_are_stored_whatever_the_share(tmp_path: Path) -> None:
    async with (
        otlp.backend() as store,
        collector_process.running(tmp_path, FILES, to(store, FAIRLEAD_TRACES_KEPT_PERCENT="0")) as collector,
    ):
        await otlp.send(collector.promoted_url, otlp.trace("answer", fairlead__promoted_by="feedback"))
        await store.until(lambda got: len(got.spans) == 2)


@pytest.mark.parametrize("secret", ["Bearer abcdefgh.ijklmnopqrst", "sk-abcdefghijklmnopqrst", "ann@example.org"])
async def test_secrets_that_a_service_let_through_are_not_stored(tmp_path: Path, secret: str) -> None:
    trace = otlp.trace("answer", error=True, input__value=f"it is {secret}, yes")
    trace[0].status.message = f"no {secret}"
    trace[0].events.add(name="exception").attributes.add(key="exception.message").value.string_value = secret
    async with (
        otlp.backend() as store,
        collector_process.running(tmp_path, FILES, to(store)) as collector,
    ):
        await otlp.send(collector.url, trace)
        await store.until(lambda got: len(got.spans) == 2)
    assert secret not in str(store.spans)
    assert re.search(r"it is (Bearer )?\[[a-z]+\], yes", str(store.spans))
