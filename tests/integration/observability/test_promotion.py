"""By the real collector: of traces that were not kept, the one that somebody complained about is stored."""

from pathlib import Path

from fakes import otlp
from integration.observability.conftest import StartBuffer
from integration.trace_collector import collector_process
from integration.trace_collector.collector_process import needs_collector

pytestmark = needs_collector


async def test_the_trace_of_a_complaint_is_stored(start_buffer: StartBuffer, tmp_path: Path) -> None:
    async with otlp.backend() as store:
        files = ("redaction", "base", "sampling", "buffer", "otlp")
        told = {"FAIRLEAD_OTLP_BACKEND_URL": store.url, "FAIRLEAD_TRACES_KEPT_PERCENT": "0"}
        ports = collector_process.free_ports()
        buffer = await start_buffer(FAIRLEAD_PROMOTED_ENDPOINT=f"http://127.0.0.1:{ports['PROMOTED_PORT']}/v1/traces")
        told["FAIRLEAD_TRACE_BUFFER_URL"] = buffer.url
        async with collector_process.running(tmp_path, files, told, ports=ports) as collector:
            traces = [otlp.trace(f"answer {n}", fairlead__tenant="default") for n in range(10)]
            error = otlp.trace("failed", fairlead__tenant="default", error=True)
            await otlp.send(collector.url, *traces, error)
            await buffer.until("held", 20)
            await store.until(lambda got: len(got.spans) == 2)
            await buffer.complain(traces[3][0].trace_id.hex())
            await store.until(lambda got: len(got.spans) == 4)
    stored = {span.name: otlp.attributes(span) for span in store.spans}
    assert set(stored) == {"failed", "failed.0", "answer 3", "answer 3.0"}
    assert stored["answer 3"]["fairlead.promoted_by"] == "feedback"
    assert stored["answer 3"]["fairlead.sampling.rule"] == "promoted"
