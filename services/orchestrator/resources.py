"""What the orchestrator holds open while it runs: database, file bytes, pool client, pipeline, feedback."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request

from common import postgres
from common.app import Resources
from common.deadline import Deadline
from common.live_config import LiveConfig
from common.logs import get_logger
from common.mlflow_access import MlflowAccess
from common.pool_client import PoolClient
from common.telemetry import Telemetry
from orchestrator import key_changes
from orchestrator.audit_writer import AuditWriter
from orchestrator.failures import STORE_DOWN
from orchestrator.feedback.forwarder import Assessments, EachOf, Forwarder
from orchestrator.feedback.langfuse import LangfuseScores
from orchestrator.feedback.mlflow import MlflowAssessments
from orchestrator.feedback.store import FeedbackStore
from orchestrator.pipeline.answer import Pipeline
from orchestrator.pipeline.callbacks import Callbacks
from orchestrator.pipeline.run import Parts
from orchestrator.quotas import Quotas
from orchestrator.settings import OrchestratorSettings
from orchestrator.tunables import OrchestratorTunables
from vector_store.audit import Audit
from vector_store.catalog import Catalog
from vector_store.engine import ChunkStore
from vector_store.migrations import schema_fits
from vector_store.objects import Objects
from vector_store.postgres_engine import PostgresChunkStore
from vector_store.retries import Retries
from vector_store.source_states import SourceStates

log = get_logger("resources")

# Between looks at a schema that does not fit yet: a migration is about to run, or the database to come up.
SCHEMA_CHECK_S = 1.0
# Longest wait of a health check for the pool's list of models.
POOL_CHECK_S = 2.0


@dataclass(frozen=True)
class Held:
    """What routes work with."""

    settings: OrchestratorSettings
    live: LiveConfig[OrchestratorTunables]
    catalog: Catalog
    chunks: ChunkStore
    objects: Objects
    pool: PoolClient
    parts: Parts
    pipeline: Pipeline
    callbacks: Callbacks
    feedback: FeedbackStore
    sources: SourceStates
    retries: Retries
    quotas: Quotas
    audit: Audit
    audit_writer: AuditWriter


def held_by(settings: OrchestratorSettings, live: LiveConfig[OrchestratorTunables]) -> Resources:
    """The context manager that opens everything onto `app.state.held` and closes it after the last request."""
    if settings.objects_url is None:
        raise ValueError(
            "FAIRLEAD_OBJECTS_URL is not set: say where uploaded files are kept, such as file:///data/files"
        )
    objects = Objects(settings.objects_url)

    @asynccontextmanager
    async def hold(app: FastAPI) -> AsyncGenerator[None]:
        telemetry: Telemetry = app.state.telemetry
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(
                postgres.open_pool(settings.database(), min_size=2, max_size=settings.database_connections)
            )
            pool = await stack.enter_async_context(PoolClient(settings.pool_url, settings.service_key))
            forwarder = await stack.enter_async_context(_forwarder(settings, database, telemetry))
            audit = Audit(database)
            audit_writer = AuditWriter(audit)
            await stack.enter_async_context(audit_writer.running())
            keys_file = None if settings.auth == "none" else settings.keys_file
            await stack.enter_async_context(key_changes.followed(keys_file, audit))
            callbacks = Callbacks([audit_writer, *([forwarder] if forwarder else [])])
            catalog, chunks = Catalog(database), PostgresChunkStore(database)
            parts = Parts(pool, catalog, chunks, telemetry, callbacks)
            pipeline = Pipeline(parts, settings, settings.max_open_answers)
            app.state.held = Held(
                settings=settings,
                live=live,
                catalog=catalog,
                chunks=chunks,
                objects=objects,
                pool=pool,
                parts=parts,
                pipeline=pipeline,
                callbacks=callbacks,
                feedback=FeedbackStore(database, forwards=forwarder is not None),
                sources=SourceStates(database),
                retries=Retries(database),
                quotas=Quotas(live, database, catalog),
                audit=audit,
                audit_writer=audit_writer,
            )
            _watch_health(app, database, pool)
            app.state.health.full_when("answers", pipeline.saturated)
            await stack.enter_async_context(_schema_watched(app, database))
            yield

    return hold


def held(request: Request) -> Held:
    """FastAPI dependency."""
    found: Held = request.app.state.held
    return found


ResourcesDep = Annotated[Held, Depends(held)]


@asynccontextmanager
async def _forwarder(
    settings: OrchestratorSettings, database: postgres.Pool, telemetry: Telemetry
) -> AsyncGenerator[Forwarder | None]:
    async with AsyncExitStack() as stack:
        stores: list[Assessments] = []
        if settings.mlflow_url is not None:
            access = MlflowAccess(settings.mlflow_token, settings.mlflow_authorization_file)
            stores.append(await stack.enter_async_context(MlflowAssessments(settings.mlflow_url, access)))
        if settings.langfuse_url is not None and settings.langfuse_keys is not None:
            langfuse = LangfuseScores(settings.langfuse_url, settings.langfuse_keys.get_secret_value())
            stores.append(await stack.enter_async_context(langfuse))
        if not stores:
            yield None
            return
        forwarder = Forwarder(database, EachOf(stores), settings.feedback_max_age_s, telemetry.redacted)
        async with forwarder.running():
            yield forwarder


@asynccontextmanager
async def _schema_watched(app: FastAPI, database: postgres.Pool) -> AsyncGenerator[None]:
    """Stay unready until the database's schema has once been seen to fit; afterwards a database that goes away is an
    outage to be told, not a reason to take this process out of service."""
    problem: str | None = "the database's schema has not been checked yet"

    async def check() -> None:
        nonlocal problem
        while problem:
            try:
                problem = await schema_fits(database)
            except STORE_DOWN as error:
                problem = f"the database cannot be reached ({type(error).__name__})"
            if problem:
                log.warning("not_ready", reason=problem)
                await asyncio.sleep(SCHEMA_CHECK_S)

    app.state.health.ready_when("schema", lambda: problem)
    task = asyncio.create_task(check(), name="schema-check")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _watch_health(app: FastAPI, database: postgres.Pool, pool: PoolClient) -> None:
    async def schema() -> None:
        problem = await schema_fits(database)
        if problem:
            raise RuntimeError(problem)

    async def models() -> Any:
        return await pool.models(deadline=Deadline.after(POOL_CHECK_S))

    app.state.health.add("postgres", schema, critical=True)
    app.state.health.add("llm-proxy", models, critical=False)
