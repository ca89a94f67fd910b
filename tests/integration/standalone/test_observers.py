"""`make run OBSERVE=full`: an answer's trace passes the collector into MLflow, and Prometheus sees every service."""

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


async def test_everything_is_seen(platform: "subprocess.Popen[str]", ports: dict[str, int]) -> None:
    question = {"messages": [{"role": "user", "content": "Which knot makes a fixed loop?"}]}
    status, answer = await loopback.request(ports["ORCHESTRATOR_PORT"], "/v1/chat/completions", question, timeout_s=30)
    assert status == 200, answer

    async def stored() -> Any:
        status, found = await loopback.request(
            ports["MLFLOW_PORT"], f"/api/3.0/mlflow/traces/get?trace_id=tr-{answer['trace_id']}"
        )
        return found["trace"] if status == 200 else None

    trace = await until(stored)
    root = next(span for span in trace["spans"] if span["name"] == "answer")
    attributes = {entry["key"]: entry["value"] for entry in root["attributes"]}
    assert attributes["fairlead.sampling.rule"]["string_value"] == "release", "it is the first since the start"
    assert attributes["fairlead.sampling.percent"]["double_value"] == 100

    async def scraped() -> Any:
        _, found = await loopback.request(ports["PROMETHEUS_PORT"], "/api/v1/query?query=up==1")
        jobs = {result["metric"]["job"] for result in found["data"]["result"]}
        return jobs >= EVERYONE

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

    assert answer["trace_id"] in await until(exemplars), "a duration leads to its trace"

    platform.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(platform.wait, END_S) == 0
