"""What the worker holds open while it runs: database, file bytes, pool client, sandbox, queue, schedule."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from common import postgres
from common.app import Resources
from common.deadline import Deadline
from common.live_config import LiveConfig
from common.pool_client import PoolClient
from ingestion.ingest import Ingestor
from ingestion.jobs import queue_app
from ingestion.quality import Quality
from ingestion.sandbox import Sandbox
from ingestion.settings import IngestionSettings
from ingestion.sources.schedule import Schedule
from ingestion.sources.sync import Syncer
from ingestion.sources.workspace import workspace
from ingestion.tunables import IngestionTunables
from ingestion.worker import QueueWorker
from vector_store.catalog import Catalog
from vector_store.migrations import schema_fits
from vector_store.objects import Objects
from vector_store.postgres_engine import PostgresChunkStore
from vector_store.source_states import SourceStates

POOL_CHECK_S = 2.0


def held_by(settings: IngestionSettings, live: LiveConfig[IngestionTunables]) -> Resources:
    """The context manager that opens everything; on its way out jobs in flight are finished or given back."""
    objects = Objects(settings.objects())
    url = settings.database()
    sandbox = Sandbox()

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            pool = await stack.enter_async_context(postgres.open_pool(url, max_size=settings.database_connections))
            client = await stack.enter_async_context(PoolClient(settings.pool_url, settings.service_key))
            catalog = Catalog(pool)
            quality = Quality(pool, lambda: live.current.value)
            ingestor = Ingestor(live, catalog, PostgresChunkStore(pool), objects, client, sandbox, quality)
            worker = QueueWorker(queue_app(ingestor), live, settings)
            work = stack.enter_context(workspace(settings.cache_dir))
            syncer = Syncer(catalog, objects, pool, settings.cache_dir or work / "cache", work)
            app.state.schedule = Schedule(live, syncer, SourceStates(pool))
            _watch_health(app, pool, client, worker)
            # In the background: the first file waits for the parsers, readiness does not.
            stack.push_async_callback(_ended, asyncio.create_task(sandbox.warm_up(), name="sandbox"))
            await stack.enter_async_context(worker.running(pool))
            await stack.enter_async_context(quality.shown())
            schedule = asyncio.create_task(app.state.schedule.run(), name="sources")
            stack.push_async_callback(_ended, schedule)
            yield

    return resources


def _watch_health(app: FastAPI, pool: postgres.Pool, client: PoolClient, worker: QueueWorker) -> None:
    async def schema() -> None:
        problem = await schema_fits(pool)
        if problem:
            raise RuntimeError(problem)

    async def models() -> None:
        await client.models(deadline=Deadline.after(POOL_CHECK_S))

    app.state.health.add("postgres", schema, critical=True)
    app.state.health.add("llm-proxy", models, critical=False, timeout_s=POOL_CHECK_S)
    app.state.health.ready_when("queue", worker.problem)


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
