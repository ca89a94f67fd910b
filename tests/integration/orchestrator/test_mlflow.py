"""A question as MLflow itself shows it: one finished trace with question, answer, steps, documents and feedback."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from pydantic import SecretStr

from conftest import free_port
from integration.orchestrator.conftest import HARBOUR, Platform, StartPlatform
from integration.orchestrator.test_chat import QUESTION
from standalone.components import QUIET_MLFLOW

# MLflow imports half of the scientific Python world before it listens.
START_S = 120
APPEAR_S = 60
ANSWER = "The lighthouse was built in 1874 [1]."


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server."""
    folder = tmp_path_factory.mktemp("mlflow")
    port = free_port()
    # As the platform on one machine runs it.
    command = [sys.executable, "-m", "standalone.mlflow_server", "--port", str(port), "--artifacts", str(folder)]
    environment = os.environ | QUIET_MLFLOW | {"MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(url, server, folder / "log")
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_until_up(url: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(f"MLflow did not start: {log.read_text()}")


@pytest.fixture
async def traced(start_platform: StartPlatform, mlflow: str) -> AsyncIterator[Platform]:
    """An orchestrator that sends its traces and feedback to MLflow."""
    platform = await start_platform(
        otlp_endpoint=f"{mlflow}/v1/traces",
        otlp_headers=SecretStr("x-mlflow-experiment-id=0"),
        mlflow_url=mlflow,
        commit="abc1234",
        environment="test",
    )
    await platform.store_of(HARBOUR)
    platform.pool.pieces = [ANSWER]
    yield platform


async def trace_info(mlflow: str, trace_id: str, ready: Any = lambda _: True) -> dict[str, Any]:
    """The trace as MLflow's API has it, once it is there and `ready`."""
    async with asyncio.timeout(APPEAR_S), httpx.AsyncClient(base_url=mlflow) as client:
        while True:
            found = await client.get(f"/api/3.0/mlflow/traces/tr-{trace_id}")
            if found.status_code == 200 and ready(info := found.json()["trace"]["trace_info"]):
                return info
            await asyncio.sleep(0.1)


async def spans(mlflow: str, trace_id: str) -> dict[str, dict[str, Any]]:
    async with httpx.AsyncClient(base_url=mlflow) as client:
        found = await client.get("/ajax-api/2.0/mlflow/get-trace-artifact", params={"request_id": f"tr-{trace_id}"})
    return {span["name"]: span for span in found.json()["spans"]}


async def test_a_question_is_one_finished_trace_that_reads_well(traced: Platform, mlflow: str) -> None:
    answer = (await traced.ask(QUESTION, user="ada", fairlead={"session_id": "tour"})).json()
    trace_id = answer["trace_id"]
    said = {"trace_id": trace_id, "value": "down", "rationale": "Wrong lighthouse", "user": "ada"}
    assert (await traced.http.post("/v1/feedback", json=said)).status_code == 201

    # Steps may be stored before their root is: the trace is complete once it is no longer in progress.
    info = await trace_info(mlflow, trace_id, lambda info: "assessments" in info and info["state"] != "IN_PROGRESS")
    assert info["state"] == "OK"
    assert (info["request_preview"], info["response_preview"]) == (QUESTION, ANSWER)
    assert info["trace_metadata"]["mlflow.trace.session"] == "tour"
    assert info["trace_metadata"]["mlflow.trace.user"] == "ada"
    assert '"total_tokens": 120' in info["trace_metadata"]["mlflow.trace.tokenUsage"]
    assert info["tags"]["fairlead.config_hash"] == answer["config_hash"]
    assert info["tags"]["service.version"] == "abc1234"
    assert info["tags"]["deployment.environment.name"] == "test"
    (assessment,) = info["assessments"]
    assert (assessment["assessment_name"], assessment["feedback"]["value"]) == ("user_feedback", False)
    assert (assessment["rationale"], assessment["source"]["source_id"]) == ("Wrong lighthouse", "ada")

    steps = await spans(mlflow, trace_id)
    kinds = {name: span["attributes"].get("mlflow.spanType", "").strip('"') for name, span in steps.items()}
    calls = {name for name in kinds if name.startswith(("POST ", "SELECT "))}
    assert {"POST /v1/embeddings", "SELECT keyword_candidates", "POST /v1/chat/completions"} <= calls
    assert {name: kind for name, kind in kinds.items() if name not in calls} == {
        "answer": "CHAIN",
        "guard_input": "GUARDRAIL",
        "route": "CHAIN",
        "embed": "EMBEDDING",
        "retrieve": "RETRIEVER",
        "build_prompt": "CHAIN",
        "generate": "LLM",
        "guard_output": "GUARDRAIL",
    }
    documents = steps["retrieve"]["attributes"]["mlflow.spanOutputs"]
    assert HARBOUR[1] in documents
    assert '"score"' in documents
    assert "<passages>" in steps["generate"]["attributes"]["mlflow.spanInputs"]
    assert steps["generate"]["attributes"]["mlflow.llm.model"] == '"scripted-model"'


async def test_a_changed_mind_shows_in_the_trace(traced: Platform, mlflow: str) -> None:
    trace_id = (await traced.ask(QUESTION)).json()["trace_id"]
    for value in ("up", "down"):
        await traced.http.post("/v1/feedback", json={"trace_id": trace_id, "value": value})
    info = await trace_info(
        mlflow, trace_id, lambda info: [a["feedback"]["value"] for a in info.get("assessments", [])] == [False]
    )
    assert len(info["assessments"]) == 1


async def test_a_failure_is_a_trace_in_error(traced: Platform, mlflow: str) -> None:
    traced.pool.fail["/chat/completions"] = 503
    degraded = (await traced.ask(QUESTION)).json()["trace_id"]
    info = await trace_info(mlflow, degraded)
    assert (info["state"], info["tags"]["fairlead.outcome"]) == ("OK", "degraded")
    assert (await spans(mlflow, degraded))["generate"]["status"]["code"] == "STATUS_CODE_ERROR"


async def test_mlflow_down_changes_no_answer(start_platform: StartPlatform) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    platform = await start_platform(otlp_endpoint=f"{nobody}/v1/traces", mlflow_url=nobody)
    await platform.store_of(HARBOUR)
    for _ in range(5):
        answer = await platform.ask(QUESTION)
        assert (answer.status_code, answer.json()["degraded"]) == (200, [])
        trace_id = answer.json()["trace_id"]
        said = await platform.http.post("/v1/feedback", json={"trace_id": trace_id, "value": "up"})
        assert said.status_code == 201
