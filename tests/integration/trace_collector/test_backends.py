"""Kept traces reach every backend as it documents, wait for one that is away, and outlive the collector."""

import base64
from pathlib import Path

from fakes import otlp
from integration.trace_collector import collector_process
from integration.trace_collector.collector_process import needs_collector

pytestmark = needs_collector
ONE_TIER = ("redaction", "base", "sampling")
KEYS = base64.b64encode(b"pk-lf-public:sk-lf-secret").decode()


async def test_each_backend_gets_everything_in_the_way_it_documents(tmp_path: Path) -> None:
    (tmp_path / "auth").write_text(KEYS)
    async with (
        otlp.backend() as mlflow,
        otlp.backend(path="/api/public/otel/v1/traces") as langfuse,
        otlp.backend() as other,
    ):
        told = {
            "FAIRLEAD_MLFLOW_URL": mlflow.url,
            "FAIRLEAD_MLFLOW_EXPERIMENT": "7",
            "FAIRLEAD_LANGFUSE_URL": langfuse.url,
            "FAIRLEAD_LANGFUSE_AUTH": f"${{file:{tmp_path / 'auth'}}}",
            "FAIRLEAD_OTLP_BACKEND_URL": other.url,
            "FAIRLEAD_OTLP_BACKEND_AUTHORIZATION": "Bearer of-the-other",
        }
        files = (*ONE_TIER, "mlflow", "langfuse", "otlp")
        other.down = True
        async with collector_process.running(tmp_path, files, told) as collector:
            await otlp.send(collector.url, otlp.trace("answer", steps=9))
            await other.until(lambda got: got.refused > 0)
            for store in (mlflow, langfuse):
                await store.until(lambda got: len(got.spans) == 10)
            other.down = False
            await other.until(lambda got: len(got.spans) == 10)
    assert mlflow.headers[0]["x-mlflow-experiment-id"] == "7"
    assert langfuse.headers[0]["authorization"] == f"Basic {KEYS}"
    assert langfuse.headers[0]["x-langfuse-ingestion-version"] == "4"
    assert other.headers[0]["authorization"] == "Bearer of-the-other"
    assert "of-the-other" not in collector.log.read_text()


async def test_what_waits_for_a_backend_outlives_a_kill_of_the_collector(tmp_path: Path) -> None:
    async with otlp.backend() as store:
        store.down = True
        told = {"FAIRLEAD_OTLP_BACKEND_URL": store.url}
        async with collector_process.running(tmp_path, (*ONE_TIER, "otlp"), told, kill=True) as collector:
            await otlp.send(collector.url, *(otlp.trace(f"answer {number}") for number in range(50)))
            await collector.until("otelcol_exporter_queue_size", 100)
            await store.until(lambda got: got.refused > 0)
        store.down = False
        async with collector_process.running(tmp_path, (*ONE_TIER, "otlp"), told):
            await store.until(lambda got: len({span.span_id for span in got.spans}) == 100)


async def test_what_the_queue_cannot_hold_is_counted(tmp_path: Path) -> None:
    async with otlp.backend() as store:
        store.down = True
        told = {"FAIRLEAD_OTLP_BACKEND_URL": store.url, "FAIRLEAD_COLLECTOR_QUEUE_SPANS": "40"}
        async with collector_process.running(tmp_path, (*ONE_TIER, "otlp"), told) as collector:
            await otlp.send(collector.url, *(otlp.trace(f"answer {number}") for number in range(50)))
            lost = await collector.until("otelcol_exporter_enqueue_failed_spans", 1)
            store.down = False
            await store.until(lambda got: len(got.spans) == 100 - lost)


async def test_a_trace_that_was_not_decided_yet_is_decided_when_the_collector_ends(tmp_path: Path) -> None:
    async with otlp.backend() as store:
        told = {"FAIRLEAD_OTLP_BACKEND_URL": store.url, "FAIRLEAD_TRACES_WAIT": "10m"}
        async with collector_process.running(tmp_path, (*ONE_TIER, "otlp"), told) as collector:
            await otlp.send(collector.url, otlp.trace("without its root", root=False))
            await collector.until("otelcol_processor_tail_sampling_new_trace_id_received", 1)
            assert store.spans == []
        # It went at once, or into the queue on disk if the exporter had stopped already.
        async with collector_process.running(tmp_path, (*ONE_TIER, "otlp"), told):
            await store.until(lambda got: len(got.spans) == 1)
