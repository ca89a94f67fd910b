"""One command removes a user or a tenant everywhere, and what has served its time goes by another."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psycopg
from pydantic import SecretStr

from conftest import Database
from integration.orchestrator.conftest import HARBOUR, Platform, StartPlatform
from integration.orchestrator.test_chat import QUESTION
from integration.orchestrator.test_mlflow import mlflow as mlflow
from integration.orchestrator.test_mlflow import trace_info
from vector_store.models import Scope

ENDS_S = 60


async def command(database: Database, mlflow: str, *arguments: str) -> tuple[int, str]:
    """`python -m observability …` as an operator runs it: its exit code and what it says."""
    environment = os.environ | {
        "FAIRLEAD_DATABASE_URL": database.app_url,
        "FAIRLEAD_DATABASE_OWNER_URL": database.owner_url,
        "FAIRLEAD_MLFLOW_URL": mlflow,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "observability", *arguments, "--experiment", "Default"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), ENDS_S)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def asked(platform: Platform, mlflow: str, user: str) -> str:
    """A question of that user, judged by them and stored; its trace."""
    answer = (await platform.ask(QUESTION, user=user)).json()
    said = {"trace_id": answer["trace_id"], "value": "down", "rationale": f"says {user}", "user": user}
    assert (await platform.http.post("/v1/feedback", json=said)).status_code == 201
    await trace_info(mlflow, answer["trace_id"], lambda info: "assessments" in info)
    return str(answer["trace_id"])


async def stored(mlflow: str, trace_id: str) -> bool:
    async with httpx.AsyncClient(base_url=mlflow) as client:
        return (await client.get(f"/api/3.0/mlflow/traces/tr-{trace_id}")).status_code == 200


def rows(database: Database, query: str) -> Any:
    with psycopg.connect(database.owner_url) as conn:
        row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


async def started(start_platform: StartPlatform, mlflow: str) -> Platform:
    platform = await start_platform(
        otlp_endpoint=f"{mlflow}/v1/traces",
        otlp_headers=SecretStr("x-mlflow-experiment-id=0"),
        mlflow_url=mlflow,
    )
    await platform.store_of(HARBOUR)
    return platform


async def test_a_user_is_gone_everywhere_and_the_others_stay(
    start_platform: StartPlatform, database: Database, mlflow: str
) -> None:
    platform = await started(start_platform, mlflow)
    # The name itself is taken out of the trace; it is found all the same.
    leaves, stays = await asked(platform, mlflow, "ada@example.org"), await asked(platform, mlflow, "grace")

    ada = ("erase", "--tenant", "default", "--user", "ada@example.org")
    code, said = await command(database, mlflow, *ada, "--dry-run")
    assert (code, "Nothing was changed" in said) == (0, True), said
    assert await stored(mlflow, leaves)

    code, said = await command(database, mlflow, *ada)
    assert (code, "Nothing is left" in said) == (0, True), said
    assert not await stored(mlflow, leaves)
    assert await stored(mlflow, stays)
    assert rows(database, "SELECT array_agg(user_id) FROM feedback") == ["grace"]
    assert rows(database, "SELECT count(*) FROM feedback_outbox") == 0

    code, said = await command(database, mlflow, *ada)
    assert (code, said.strip()) == (0, "Nothing is kept of user ada@example.org of tenant default.")
    assert (await platform.ask(QUESTION)).status_code == 200


async def test_a_tenant_is_gone_with_its_files_and_the_others_stay(
    start_platform: StartPlatform, database: Database, mlflow: str, tmp_path: Path
) -> None:
    platform = await started(start_platform, mlflow)
    trace = await asked(platform, mlflow, "ada")
    upload = {"files": {"file": ("a.txt", b"x")}, "data": {"purpose": "assistants"}}
    assert (await platform.http.post("/v1/files", **upload)).status_code == 200
    await platform.catalog.create_store(Scope("other", None), "kept")

    # No worker runs here that would remove the bytes: that is said, and is no success.
    code, said = await command(database, mlflow, "erase", "--tenant", "default", "--wait", "0")
    assert (code, "does the ingestion worker run?" in said) == (1, True), said
    assert not await stored(mlflow, trace)
    for table in ("files", "stores", "store_files", "chunks", "feedback"):
        left = rows(database, f"SELECT count(*) FROM {table} WHERE tenant = 'default'")
        assert (table, left) == (table, 0)
    assert rows(database, "SELECT count(*) FROM stores WHERE tenant = 'other'") == 1
    # Who did what stays; nothing of what was said is in there.
    assert rows(database, "SELECT count(*) FROM audit_log WHERE tenant = 'default'") > 0


async def test_what_has_served_its_time_goes(start_platform: StartPlatform, database: Database, mlflow: str) -> None:
    platform = await started(start_platform, mlflow)
    trace = await asked(platform, mlflow, "ada")
    code, said = await command(database, mlflow, "retain", "--feedback-days", "1", "--traces-days", "1")
    assert (code, said.strip()) == (0, "Removed: 0 feedback, 0 traces.")
    with psycopg.connect(database.owner_url) as conn:
        conn.execute("UPDATE feedback SET updated_at = now() - interval '3 days'")
    code, said = await command(database, mlflow, "retain", "--feedback-days", "2")
    assert (code, said.strip()) == (0, "Removed: 1 feedback, 0 traces.")
    assert await stored(mlflow, trace)


async def test_a_trace_store_that_is_away_is_said(database: Database) -> None:
    code, said = await command(database, "http://127.0.0.1:1", "erase", "--tenant", "default", "--dry-run")
    assert (code, "MLflow does not answer at http://127.0.0.1:1" in said) == (1, True), said
