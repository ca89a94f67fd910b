"""The queue's tasks, and what becomes of a job that could not be done: tried again for as long as that makes sense."""

import asyncio
import random
from typing import Any

import psycopg
import psycopg_pool
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException, JobAborted
from procrastinate.jobs import Job

from common.logs import get_logger
from common.pool_client import PoolUnavailable
from ingestion import metrics
from ingestion.failures import FileFailure, Reason
from ingestion.ingest import Ingestor
from vector_store.errors import NotFoundError
from vector_store.jobs import DELETE_FILE, INGEST_FILE, INGEST_QUEUE
from vector_store.models import Scope

log = get_logger("jobs")

# Faults of what we depend on: they pass.
TRANSIENT = (
    PoolUnavailable,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg_pool.PoolTimeout,
    psycopg_pool.TooManyRequests,
    ConnectorException,
    TimeoutError,
    OSError,
)
# A fault that nobody expected is more likely in our code than in the weather: a few tries, then a person should look.
UNEXPECTED_ATTEMPTS = 3
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0
# Bytes of a deleted file are gone within a minute of the object store's return.
LONGEST_WAIT_TO_DELETE_S = 30.0


class Patience(BaseRetryStrategy):
    """Puts a job back, each time later. When to give up is decided by the job itself, which can then say so."""

    def __init__(self, longest_wait_s: float = LONGEST_WAIT_S) -> None:
        self._longest_wait_s = longest_wait_s

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        """At once for a job broken off by the end of the worker, else after a wait that doubles."""
        if isinstance(exception, asyncio.CancelledError | JobAborted):
            metrics.RETRIES.labels("shutdown").inc()
            return RetryDecision(retry_in={"seconds": 0})
        metrics.RETRIES.labels("fault").inc()
        wait = min(FIRST_WAIT_S * 2 ** min(job.attempts, 20), self._longest_wait_s)
        seconds = max(1, round(random.uniform(wait / 2, wait)))  # noqa: S311 - spreads load, guards nothing
        return RetryDecision(retry_in={"seconds": seconds})


def queue_app(ingestor: Ingestor) -> App:
    """The queue with its tasks; open it on a connection pool before use."""
    app = App(connector=PsycopgConnector())

    @app.task(name=INGEST_FILE, queue=INGEST_QUEUE, pass_context=True, retry=Patience())
    async def ingest_file(context: JobContext, tenant: str, store_id: str, file_id: str) -> str:
        result = await run_ingest(ingestor, context.job.attempts, tenant, store_id, file_id)
        metrics.FILES.labels(result).inc()
        if result == "completed":
            metrics.LAG.observe(await _age_s(app, context.job))
        return result

    @app.task(name=DELETE_FILE, queue=INGEST_QUEUE, retry=Patience(LONGEST_WAIT_TO_DELETE_S))
    async def delete_file(tenant: str, file_id: str, object_key: str) -> None:
        await ingestor.objects.delete(object_key)
        log.info("bytes_deleted", tenant=tenant, file=file_id)

    _ = (ingest_file, delete_file)
    return app


async def _age_s(app: App, job: Job) -> float:
    """Seconds since the job was put into the queue for the first time."""
    query = (
        "SELECT extract(epoch FROM clock_timestamp() - min(at))::float8 AS age FROM procrastinate_events"
        " WHERE job_id = %(job)s AND type = 'deferred'"
    )
    found = await app.connector.execute_query_one_async(query, job=job.id)
    return max(0.0, float(found["age"] or 0.0))


async def oldest_s(app: App) -> float:
    """Age of the oldest job that waits, in seconds; 0 when none does."""
    query = (
        "SELECT extract(epoch FROM clock_timestamp() - min(e.at))::float8 AS age FROM procrastinate_events AS e"
        " WHERE e.type = 'deferred' AND e.job_id = (SELECT id FROM procrastinate_jobs"
        " WHERE queue_name = %(queue)s AND status = 'todo' ORDER BY id LIMIT 1)"
    )
    found = await app.connector.execute_query_one_async(query, queue=INGEST_QUEUE)
    return max(0.0, float(found["age"] or 0.0))


async def run_ingest(ingestor: Ingestor, attempts: int, tenant: str, store_id: str, file_id: str) -> str:
    """Do the job, which was begun `attempts` times before; raises what should have it tried again."""
    allowed = ingestor.live.current.value.attempts
    if attempts > allowed:
        # Nothing was raised the last time: the worker itself died, again and again.
        return await _give_up(ingestor, tenant, store_id, file_id, "The worker stopped each time it read this file.")
    try:
        return await ingestor.ingest(tenant, store_id, file_id)
    except TRANSIENT as error:
        log.warning("job_faulted", file=file_id, attempts=attempts, error=f"{type(error).__name__}: {error}")
        if attempts < allowed:
            raise
        return await _give_up(
            ingestor,
            tenant,
            store_id,
            file_id,
            "A part that indexing needs (models or database) was away for too long.",
        )
    except Exception as error:
        log.error("job_broke", file=file_id, attempts=attempts, error=type(error).__name__, exc_info=error)
        if attempts + 1 < UNEXPECTED_ATTEMPTS:
            raise
        return await _give_up(ingestor, tenant, store_id, file_id, "Something went wrong on our side while indexing.")


async def _give_up(ingestor: Ingestor, tenant: str, store_id: str, file_id: str, why: str) -> str:
    failure = FileFailure(Reason.GAVE_UP, f"{why} Attach the file again to retry.")
    try:
        await ingestor.give_up(Scope(tenant, None), store_id, file_id, failure)
    except NotFoundError:
        return "gone"
    return "failed"


def job_counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Jobs by state, from the queue's own report."""
    return {state: sum(int(row.get(state) or 0) for row in rows) for state in ("todo", "doing", "failed")}
