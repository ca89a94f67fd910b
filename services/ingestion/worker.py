"""Runs the queue's worker in this process: restarted when it breaks, drained at the end, rescuing stalled jobs."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from procrastinate import App
from procrastinate.exceptions import ConnectorException

from common.live_config import LiveConfig, Snapshot
from common.logs import get_logger
from common.postgres import Pool
from ingestion import metrics
from ingestion.jobs import job_counts, oldest_s
from ingestion.settings import IngestionSettings
from ingestion.tunables import IngestionTunables
from vector_store.jobs import INGEST_QUEUE

log = get_logger("worker")

# New jobs are announced by the database; this is how often we look anyway, for jobs whose time to retry has come.
POLL_S = 2.0
COUNT_EVERY_S = 5.0
RESTART_WAIT_S = 1.0
LONGEST_RESTART_WAIT_S = 15.0


class QueueWorker:
    """One worker of the queue, with the concurrency that the tunables say now."""

    def __init__(self, app: App, live: LiveConfig[IngestionTunables], settings: IngestionSettings) -> None:
        self._app = app
        self._live = live
        self._settings = settings
        self._retuned = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._problem: str | None = "the queue's worker has not started"
        live.subscribe(self._on_change)

    @asynccontextmanager
    async def running(self, pool: Pool) -> AsyncGenerator[None]:
        """Work while the context is open; at its end jobs in flight finish within `drain_s` or go back to the queue."""
        async with self._app.open_async(pool):
            side = [asyncio.create_task(self._rescue()), asyncio.create_task(self._count())]
            self._task = asyncio.create_task(self._supervise())
            try:
                yield
            finally:
                await _cancelled(self._task)
                for task in side:
                    await _cancelled(task)

    def problem(self) -> str | None:
        """Why no jobs are worked on now; None while they are."""
        return self._problem

    def _on_change(self, snapshot: Snapshot[IngestionTunables]) -> None:
        self._retuned.set()

    async def _supervise(self) -> None:
        wait = RESTART_WAIT_S
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._work_until_retuned()
                continue
            except Exception as error:  # noqa: BLE001 - whatever broke the queue's worker, ours must go on
                metrics.WORKER_RESTARTS.inc()
                self._problem = f"the queue's worker ended: {type(error).__name__}"
                log.warning("worker_ended", error=f"{type(error).__name__}: {error}", restart_in_s=wait)
            if asyncio.get_running_loop().time() - began > LONGEST_RESTART_WAIT_S:
                wait = RESTART_WAIT_S
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_RESTART_WAIT_S)

    async def _work_until_retuned(self) -> None:
        """Returns when the concurrency was changed; raises when the worker ended by itself (the database is away)."""
        concurrency = self._live.current.value.concurrency
        worker = asyncio.create_task(
            self._app.run_worker_async(
                queues=[INGEST_QUEUE],
                name=self._settings.service,
                concurrency=concurrency,
                fetch_job_polling_interval=POLL_S,
                shutdown_graceful_timeout=self._settings.drain_s,
                update_heartbeat_interval=self._settings.heartbeat_s,
                stalled_worker_timeout=self._settings.stalled_after_s,
                # What became of a file is in the catalog; finished jobs would only pile up.
                delete_jobs="successful",
                install_signal_handlers=False,
            )
        )
        self._problem = None
        try:
            while self._live.current.value.concurrency == concurrency:
                self._retuned.clear()
                retuned = asyncio.create_task(self._retuned.wait())
                try:
                    await asyncio.wait({worker, retuned}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    await _cancelled(retuned)
                if worker.done():
                    worker.result()
                    raise ConnectionError("it stopped without being told to")
        finally:
            await _cancelled(worker)

    async def _rescue(self) -> None:
        """Give back jobs of workers that fell silent: killed, or cut off from the database."""
        every = self._settings.stalled_after_s / 3
        while True:
            try:
                stalled = await self._app.job_manager.get_stalled_jobs(
                    queue=INGEST_QUEUE, seconds_since_heartbeat=self._settings.stalled_after_s
                )
                for job in stalled:
                    # Another worker may have been faster, or the job's own may have ended it after all.
                    with contextlib.suppress(ConnectorException):
                        await self._app.job_manager.retry_job(job)
                        metrics.RESCUED.inc()
                        log.info("job_rescued", job=job.id, attempts=job.attempts, args=job.task_kwargs)
            except Exception as error:  # noqa: BLE001 - the database is away; the next look may succeed
                log.warning("rescue_failed", error=type(error).__name__)
            await asyncio.sleep(every)

    async def _count(self) -> None:
        while True:
            try:
                rows = await self._app.job_manager.list_queues_async(queue=INGEST_QUEUE)
                for state, count in job_counts([dict(row) for row in rows]).items():
                    metrics.QUEUE.labels(state).set(count)
                metrics.OLDEST_JOB.set(await oldest_s(self._app))
            except Exception as error:  # noqa: BLE001 - as above
                log.warning("queue_count_failed", error=type(error).__name__)
            await asyncio.sleep(COUNT_EVERY_S)


async def _cancelled(task: "asyncio.Task[object]") -> None:
    """Cancel and wait for the end; its own failure was seen or does not matter any more."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
