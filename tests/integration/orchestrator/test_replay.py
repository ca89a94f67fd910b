"""A stored question is asked again: what the new configuration and index make of it, step by step."""

import asyncio
import os
import sys
from pathlib import Path

from pydantic import SecretStr

from conftest import Database
from integration.orchestrator.conftest import HARBOUR, Platform, StartPlatform
from integration.orchestrator.test_chat import QUESTION
from integration.orchestrator.test_live_tunables import edited
from integration.orchestrator.test_mlflow import mlflow as mlflow
from integration.orchestrator.test_mlflow import trace_info

ENDS_S = 120


async def command(platform: Platform, mlflow: str, *arguments: str, **environment: str) -> tuple[int, str]:
    """`python -m evaluation replay …`: its exit code and what it says."""
    where = ("--url", platform.url, "--mlflow", mlflow, "--experiment", "Default")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "evaluation", "replay", *arguments, *where),
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), ENDS_S)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def started(start_platform: StartPlatform, mlflow: str, tunables: str = "{}") -> Platform:
    platform = await start_platform(
        tunables,
        otlp_endpoint=f"{mlflow}/v1/traces",
        otlp_headers=SecretStr("x-mlflow-experiment-id=0"),
        mlflow_url=mlflow,
    )
    await platform.store_of(HARBOUR)
    return platform


async def test_what_a_new_configuration_changes_is_shown_step_by_step(
    start_platform: StartPlatform, mlflow: str
) -> None:
    platform = await started(start_platform, mlflow, "top_k: 3")
    turns = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello!"}]
    body = {"messages": [*turns, {"role": "user", "content": QUESTION}], "temperature": 0.3}
    trace_id = (await platform.http.post("/v1/chat/completions", json=body)).json()["trace_id"]
    await trace_info(mlflow, trace_id)

    code, said = await command(platform, mlflow, "--trace", trace_id)
    assert (code, said.splitlines()[0]) == (0, f"tr-{trace_id}: same")
    again = platform.pool.bodies("/chat/completions")[-1]
    assert again["temperature"] == 0.3
    assert [message["content"] for message in again["messages"]][1:3] == ["Hello.", "Hello!"]

    await edited(platform, "{top_k: 1, prompt_version: shorter}")
    code, said = await command(platform, mlflow, "--trace", f"tr-{trace_id}")
    assert code == 0, said
    assert "fairlead.prompt.version: 1 → shorter" in said
    lost = [line for line in said.splitlines() if "│ - " in line or "- harbour" in line]
    assert len(lost) >= 2, said


async def test_many_are_counted_and_a_worse_one_fails(start_platform: StartPlatform, mlflow: str) -> None:
    platform = await started(start_platform, mlflow)
    ids = [(await platform.ask(f"{QUESTION} {word}")).json()["trace_id"] for word in ("Please.", "Now.")]
    for trace_id in ids:
        await trace_info(mlflow, trace_id)
    hash_now = (await platform.http.get("/v1/config")).json()["hash"]
    chosen = ("--where", f"tags.`fairlead.config_hash` = '{hash_now}' AND tags.`fairlead.outcome` = 'answered'")
    code, said = await command(platform, mlflow, *chosen, "--most", "2", "--fail-on-worse")
    assert (code, said.splitlines()[-1]) == (0, "2 same"), said

    platform.pool.fail["/chat/completions"] = 503
    code, said = await command(platform, mlflow, "--trace", ids[0], "--trace", ids[1], "--fail-on-worse")
    assert (code, said.splitlines()[-1]) == (1, "2 worse"), said
    assert (await command(platform, mlflow, "--trace", ids[0]))[0] == 0


async def test_other_tunables_answer_beside_the_running_platform(
    start_platform: StartPlatform, mlflow: str, database: Database, tmp_path: Path
) -> None:
    platform = await started(start_platform, mlflow)
    trace_id = (await platform.ask(QUESTION)).json()["trace_id"]
    await trace_info(mlflow, trace_id)
    other = tmp_path / "other.yaml"
    other.write_text("{top_k: 1, prompt_version: candidate}")
    code, said = await command(
        platform,
        mlflow,
        *("--trace", trace_id, "--config", str(other)),
        FAIRLEAD_DATABASE_URL=database.app_url,
        FAIRLEAD_OBJECTS_URL=(tmp_path / "objects").as_uri(),
        FAIRLEAD_POOL_URL=platform.pool.url,
    )
    assert code == 0, said
    assert "→ candidate" in said
    assert (await platform.http.get("/v1/config")).json()["effective"]["prompt_version"] != "candidate"


async def test_what_cannot_be_replayed_is_said(start_platform: StartPlatform, mlflow: str) -> None:
    platform = await started(start_platform, mlflow, "{telemetry: {content: {capture: 'off'}}}")
    trace_id = (await platform.ask(QUESTION)).json()["trace_id"]
    await trace_info(mlflow, trace_id)
    for given, reason in {
        trace_id: "does not hold what was asked: content was not captured",
        "f" * 32: "is not in MLflow",
        "nonsense": "is no trace id: it has 32 hexadecimal digits",
    }.items():
        code, said = await command(platform, mlflow, "--trace", given)
        assert (code, reason in " ".join(said.split())) == (1, True), said
