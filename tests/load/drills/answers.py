"""Drills of the orchestrator's alerts."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from common import key_file
from conftest import free_port
from drills.drill import Drill, nothing_broken
from drills.pool import slow_model, without_model
from drills.stage import ROOT, Stage
from fakes.kubernetes import cluster

NOWHERE = {"type": "eq", "key": "drill", "value": "no document has this"}


async def ask(stage: Stage) -> None:
    """A few answers."""
    await stage.ask(5)


async def search(stage: Stage) -> None:
    """A few searches that find something."""
    await stage.search("Which knot makes a fixed loop?", 10)


@asynccontextmanager
async def worker_halted(stage: Stage) -> AsyncIterator[None]:
    """The ingestion worker stands still."""
    with stage.halted("-m ingestion"):
        yield


@asynccontextmanager
async def database_closed(stage: Stage) -> AsyncIterator[None]:
    """Postgres takes no connections of the services, and has ended those that there were."""
    await on_database(stage, "ALTER ROLE fairlead_app NOLOGIN")
    await on_database(stage, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'fairlead_app'")
    try:
        yield
    finally:
        await on_database(stage, "ALTER ROLE fairlead_app LOGIN")


async def many_searches(stage: Stage) -> None:
    """Searches that wait at the same time, each until it fails."""
    await asyncio.gather(*(stage.search("rope") for _ in range(10)))


@asynccontextmanager
async def bad_edit(stage: Stage) -> AsyncIterator[None]:
    """The orchestrator's tunables have a value that is out of range."""
    with stage.edited("orchestrator", lambda tunables: tunables.update(top_k=-1)):
        yield


@asynccontextmanager
async def second_pool(stage: Stage, **environment: str) -> AsyncIterator[None]:
    """A second copy of the pool serves with another configuration; Prometheus scrapes both."""
    folder = stage.folder / "second-pool"
    folder.mkdir(exist_ok=True)
    text = "models: {m: {endpoints: [{name: e, url: 'http://127.0.0.1:9/v1'}]}}\n"
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    port = free_port()
    command = (sys.executable, "-m", "llm_proxy", "--config", str(folder), "--port", str(port))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=os.environ | environment)
    await stage.retarget("llm-proxy", port)
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def role_missing(stage: Stage) -> AsyncIterator[None]:
    """A second copy of the pool is told to watch a ConfigMap that it may not read."""
    with cluster(stage.folder) as kube:
        kube.faults |= dict.fromkeys(("list", "watch", "get"), 403)
        watching = {
            "FAIRLEAD_CONFIG_MAP": "llm-proxy-tunables",
            "FAIRLEAD_KUBERNETES_URL": kube.url,
            "FAIRLEAD_KUBERNETES_ACCOUNT": str(kube.account),
        }
        async with second_pool(stage, **watching):
            yield


@asynccontextmanager
async def trace_store_halted(stage: Stage) -> AsyncIterator[None]:
    """MLflow stands still, and somebody says what they think of an answer."""
    ((_, answer),) = await stage.ask()
    with stage.halted("standalone.mlflow_server"):
        await stage.post("/v1/feedback", {"trace_id": answer["trace_id"], "value": "up"})
        yield


async def thumbs(stage: Stage, value: str, times: int) -> None:
    """So many people say the same of one answer."""
    ((_, answer),) = await stage.ask()
    for number in range(times):
        said = {"trace_id": answer["trace_id"], "value": value, "user": f"{value}-{number}"}
        await stage.post("/v1/feedback", said)


async def ask_nonsense(stage: Stage) -> None:
    """Searches for what the documents do not speak of."""
    for number in range(10):
        await stage.search(
            f"quarterly turnover of the semiconductor division {number}", ranking_options={"score_threshold": 0}
        )


@asynccontextmanager
async def searched_for_a_while(stage: Stage) -> AsyncIterator[None]:
    """Two minutes, which stand for an hour, of searches that find what they look for."""
    until = asyncio.get_running_loop().time() + 150
    while asyncio.get_running_loop().time() < until:
        await search(stage)
    yield


async def hold_up_the_loop(stage: Stage) -> None:
    """The orchestrator stands still for 0.6 s in every 2 s."""
    (pid,) = stage.pids("-m orchestrator")
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(0.6)
    finally:
        os.kill(pid, signal.SIGCONT)
    await asyncio.sleep(1.4)


async def crowd(stage: Stage) -> None:
    """Five times as many questions at once as the orchestrator takes."""
    await stage.ask(40, at_once=40)


async def on_database(stage: Stage, statement: str) -> None:
    """One statement, by the superuser."""
    async with await psycopg.AsyncConnection.connect(stage.database, autocommit=True) as connection:
        await connection.execute(statement)  # pyright: ignore[reportArgumentType]


@asynccontextmanager
async def audit_forbidden(stage: Stage) -> AsyncIterator[None]:
    """The services' role may not write the audit log."""
    await on_database(stage, "REVOKE INSERT ON audit_log FROM fairlead_app")
    try:
        yield
    finally:
        await on_database(stage, "GRANT INSERT ON audit_log TO fairlead_app")


@asynccontextmanager
async def table_missing(stage: Stage) -> AsyncIterator[None]:
    """The table of feedback has another name, which no code expects."""
    await on_database(stage, "ALTER TABLE feedback RENAME TO feedback_away")
    try:
        await stage.post("/v1/feedback", {"trace_id": "0" * 32, "value": "up"})
        yield
    finally:
        await on_database(stage, "ALTER TABLE feedback_away RENAME TO feedback")


@asynccontextmanager
async def small_quota(stage: Stage) -> AsyncIterator[None]:
    """Every tenant may make three requests a minute."""
    with stage.edited("orchestrator", lambda tunables: tunables.update(quota={"requests_per_minute": 3})):
        yield


@asynccontextmanager
async def key_of_a_day(stage: Stage) -> AsyncIterator[None]:
    """A key is listed that expires tomorrow; it is revoked afterwards."""
    keys = stage.home.secrets / "keys.json"
    _, key = key_file.create(keys, name="drill", expires_at=datetime.now(UTC) + timedelta(days=1))
    try:
        yield
    finally:
        key_file.revoke(keys, key.id)


async def _found_nothing(stage: Stage) -> Any:
    await stage.search("rope", 10, filters=NOWHERE)


DRILLS = (
    Drill("AnswersBurnFast", without_model, ask, ask),
    Drill("FirstTextBurnFast", slow_model, ask, ask),
    Drill("AnswersBurnSlow", without_model, ask, ask),
    Drill("FirstTextBurnSlow", slow_model, ask, ask),
    Drill("StepDegraded", without_model, ask, ask),
    Drill("ServiceDown", worker_halted),
    Drill("StoreUnreachable", database_closed, many_searches, search),
    Drill("ConfigReloadFailed", bad_edit),
    Drill("ConfigHashesDiffer", second_pool),
    Drill("ConfigWatchFailing", role_missing),
    Drill("FeedbackStuck", trace_store_halted, eased={"> 900": "> 20"}),
    Drill("FeedbackTurningBad", nothing_broken, lambda s: thumbs(s, "down", 12), lambda s: thumbs(s, "up", 40)),
    Drill("RetrievalFindsNothing", nothing_broken, _found_nothing, search),
    Drill("TopScoreFallen", searched_for_a_while, ask_nonsense, search),
    Drill("EventLoopBlocked", nothing_broken, hold_up_the_loop),
    Drill("AnswersRefused", nothing_broken, crowd, ask),
    Drill("AuditEventsDropped", audit_forbidden, search),
    Drill("UnexpectedErrors", table_missing),
    Drill("QuotaUsedUp", small_quota, search),
    Drill("KeyExpiresSoon", key_of_a_day, ask, ask),
)
