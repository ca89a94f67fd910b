"""Two tiers: spans of one trace that come to different agents meet in one collector, which decides on the whole."""

from contextlib import AsyncExitStack
from pathlib import Path

import yaml

from fakes import otlp
from integration.trace_collector import collector_process
from integration.trace_collector.collector_process import needs_collector

pytestmark = needs_collector
TRACES = 40
QUEUE = 'otelcol_exporter_queue_size{data_type="traces",exporter="loadbalancing"'
OF_SERVICES = 'otelcol_receiver_accepted_spans{receiver="otlp",transport="grpc"}'


async def test_a_trace_over_two_agents_is_decided_as_one(tmp_path: Path) -> None:
    """Its error is in the root, which one agent gets; the steps, which the other gets, are stored with it."""
    folders = [tmp_path / name for name in ("agent 1", "agent 2", "sampler 1", "sampler 2")]
    for folder in folders:
        folder.mkdir()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(otlp.backend())
        told = {"FAIRLEAD_OTLP_BACKEND_URL": store.url, "FAIRLEAD_TRACES_KEPT_PERCENT": "0"}
        files = ("redaction", "base", "sampling", "from-agents", "otlp")
        samplers = [
            await stack.enter_async_context(collector_process.running(folder, files, told)) for folder in folders[2:]
        ]
        # In a cluster the names come from DNS, which this machine has not: the one thing that differs.
        names = [f"127.0.0.1:{sampler.ports['GRPC_PORT']}" for sampler in samplers]
        resolver = tmp_path / "resolver.yaml"
        resolver.write_text(
            yaml.safe_dump(
                {"exporters": {"loadbalancing": {"resolver": {"dns": None, "static": {"hostnames": names}}}}}
            )
        )
        agents = [
            await stack.enter_async_context(
                collector_process.running(folder, ("redaction", "base", "agent", resolver), told)
            )
            for folder in folders[:2]
        ]
        failed = [otlp.trace(f"failed {number}", steps=2, error=True) for number in range(TRACES)]
        plain = [otlp.trace(f"plain {number}", steps=2) for number in range(TRACES)]
        traces = failed + plain
        await otlp.send(agents[0].url, *(spans[1:] for spans in traces))
        await otlp.send(agents[1].url, *(spans[:1] for spans in traces))
        await store.until(lambda got: len(got.spans) == 3 * TRACES)
        accepted = [await agent.until('otelcol_receiver_accepted_spans{receiver="otlp"', 1) for agent in agents]
        queues = [name for agent in agents for name in await agent.metrics() if name.startswith(QUEUE)]
        again = [await sampler.until("otelcol_receiver_accepted_spans", 1) for sampler in samplers]
        of_services = [(await sampler.metrics()).get(OF_SERVICES, 0) for sampler in samplers]
        seen = [await sampler.until("otelcol_processor_tail_sampling_new_trace_id_received", 1) for sampler in samplers]
    assert store.traces == {spans[0].trace_id.hex() for spans in failed}
    assert sum(seen) == 2 * TRACES, "no trace is in both"
    assert sum(accepted) == sum(again) == 6 * TRACES
    assert len(queues) == len(agents), "what waits between the tiers can be seen"
    assert sum(of_services) == 0, "a span counts once among those that services sent"
