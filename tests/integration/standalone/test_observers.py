"""`make run OBSERVE=full`: traces pass the collector into MLflow, Prometheus sees everyone, all is accounted for."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from common.trace_experiment import tags
from conftest import free_port
from standalone import loopback
from standalone.settings import StandaloneSettings

pytestmark = pytest.mark.skipif(
    shutil.which("otelcol") is None or shutil.which("prometheus") is None,
    reason="needs otelcol (contrib) and prometheus on PATH",
)
END_S = 60
SERVICES = {"orchestrator", "llm-proxy", "local-models", "ingestion", "trace-buffer"}
EVERYONE = SERVICES | {"otelcol", "otelcol-spanmetrics"}


@pytest.fixture
def ports() -> dict[str, int]:
    return {name: free_port() for name in StandaloneSettings.model_validate({"observe": "full"}).ports()}


@pytest.fixture
def platform(tmp_path: Path, ports: dict[str, int]) -> Iterator["subprocess.Popen[str]"]:
    """The platform with one document, once it says that it is ready."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "knots.md").write_text("# Knots\n\nThe bowline makes a fixed loop.\n")
    environment = os.environ | {name: str(port) for name, port in ports.items()}
    environment |= {"OBSERVE": "full", "DOCS": str(tmp_path / "documents")}
    environment |= {"FAIRLEAD_TRACES_KEPT_PERCENT": "0", "FAIRLEAD_TRACES_FIRST_KEPT": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "standalone"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Ctrl-C stops everything" in line:
            break
    else:
        pytest.fail(f"it did not start:\n{said}")
    assert f"http://127.0.0.1:{ports['PROMETHEUS_PORT']}" in said
    assert f"http://127.0.0.1:{ports['COLLECTOR_PORT']}" in said
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=END_S)


async def until(what: Callable[[], Awaitable[Any]]) -> Any:
    """What it gives once that is something."""
    async with asyncio.timeout(60):
        while not (found := await what()):
            await asyncio.sleep(0.2)
    return found


async def ask(ports: dict[str, int]) -> str:
    """Ask; the answer's trace id."""
    question = {"messages": [{"role": "user", "content": "Which knot makes a fixed loop?"}]}
    status, answer = await loopback.request(ports["ORCHESTRATOR_PORT"], "/v1/chat/completions", question, timeout_s=30)
    assert status == 200, answer
    return answer["trace_id"]


async def root_of(ports: dict[str, int], trace_id: str) -> dict[str, Any]:
    """The attributes of its root as MLflow has them, once it has it."""

    async def stored() -> Any:
        status, found = await loopback.request(
            ports["MLFLOW_PORT"], f"/api/3.0/mlflow/traces/get?trace_id=tr-{trace_id}"
        )
        return found["trace"] if status == 200 else None

    trace = await until(stored)
    root = next(span for span in trace["spans"] if span["name"] == "answer")
    return {entry["key"]: next(iter(entry["value"].values())) for entry in root["attributes"]}


async def reconciled(ports: dict[str, int]) -> tuple[int, str]:
    """The exit code of the reconciliation, and what it says."""
    where = [f"--prometheus=http://127.0.0.1:{ports['PROMETHEUS_PORT']}"]
    where.append(f"--mlflow=http://127.0.0.1:{ports['MLFLOW_PORT']}")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "observability", "reconcile", *where), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return await process.wait(), said.decode()


async def test_everything_is_seen(platform: "subprocess.Popen[str]", ports: dict[str, int]) -> None:
    first, second = await ask(ports), await ask(ports)
    assert (await root_of(ports, first))["fairlead.sampling.rule"] == "release", "the first of a release"

    complaint = {"trace_id": second, "value": "down"}
    status, _ = await loopback.request(ports["ORCHESTRATOR_PORT"], "/v1/feedback", complaint)
    assert status == 201
    attributes = await root_of(ports, second)
    assert (attributes["fairlead.sampling.rule"], attributes["fairlead.promoted_by"]) == ("promoted", "feedback")

    async def judged() -> Any:
        _, found = await loopback.request(ports["MLFLOW_PORT"], f"/api/3.0/mlflow/traces/tr-{second}")
        return found["trace"]["trace_info"].get("assessments")

    assert (await until(judged))[0]["feedback"]["value"] is False

    async def scraped() -> Any:
        _, found = await loopback.request(ports["PROMETHEUS_PORT"], "/api/v1/query?query=up==1")
        return {result["metric"]["job"] for result in found["data"]["result"]} >= EVERYONE

    await until(scraped)

    async def exemplars() -> Any:
        query = "query=fairlead_span_duration_seconds_bucket&start=0&end=9999999999"
        _, found = await loopback.request(ports["PROMETHEUS_PORT"], f"/api/v1/query_exemplars?{query}")
        return {
            exemplar["labels"]["trace_id"]
            for series in found["data"]
            if series["seriesLabels"]["service_name"] == "orchestrator"
            for exemplar in series["exemplars"]
        }

    assert await until(exemplars) & {first, second}, "a duration leads to its trace"

    code, said = await reconciled(ports)
    assert (code, "Nothing is missing." in said) == (0, True), said
    number = (await the_experiment(ports))["experiment_id"]
    gone = {"experiment_id": number, "request_ids": [f"tr-{first}"]}
    status, _ = await loopback.request(ports["MLFLOW_PORT"], "/api/2.0/mlflow/traces/delete-traces", gone)
    assert status == 200
    code, said = await reconciled(ports)
    assert (code, "1 traces after “kept or promoted”" in said) == (1, True), said

    platform.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(platform.wait, END_S) == 0


async def the_experiment(ports: dict[str, int]) -> dict[str, Any]:
    """As MLflow has it; with the views that the platform has put there."""
    _, found = await loopback.request(
        ports["MLFLOW_PORT"], "/api/2.0/mlflow/experiments/get-by-name?experiment_name=fairlead"
    )
    kept = {tag["key"]: tag["value"] for tag in found["experiment"]["tags"]}
    assert kept == tags()
    return found["experiment"]
