"""Searches and reads go into the audit log behind the requests that made them, in batches, and never slow one."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import psycopg
import psycopg_pool

from common.logs import get_logger
from common.metrics import counter
from orchestrator.pipeline.ask import Ask
from orchestrator.pipeline.callbacks import Callback, Retrieval
from vector_store.audit import Audit
from vector_store.audit_events import AuditEvent, tell

log = get_logger("audit_writer")
DROPPED = counter(
    "audit_dropped_total",
    "Searches and reads that are missing from the audit log",
    ["reason"],
    at_zero=("queue_full", "refused", "stopped"),
)

# What waits while the database is away: some minutes of a busy service, a few megabytes.
MOST_WAITING = 10_000
BATCH = 500
# So long a batch is collected before it is written.
COLLECT_S = 1.0
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 30.0
# At the end, what is left is written within this time or counted as dropped.
LAST_WRITE_S = 3.0
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, psycopg_pool.TooManyRequests, TimeoutError)


class AuditWriter(Callback):
    """The bounded queue of events and the task that empties it."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._waiting: asyncio.Queue[AuditEvent] = asyncio.Queue(MOST_WAITING)
        self._batch: list[AuditEvent] = []

    def note(self, event: AuditEvent) -> None:
        """Put it down to be written; never waits."""
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            DROPPED.labels("queue_full").inc()

    async def on_retrieval(self, ask: Ask, retrieval: Retrieval) -> None:
        """An answer has searched these stores."""
        caller = ask.caller
        for store_id in retrieval.store_ids:
            about = {"through": "chat", "passages": len(retrieval.passages)}
            self.note(
                AuditEvent(
                    caller.tenant, "store.search", caller.key_id, caller.key_name, store_id=store_id, details=about
                )
            )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Write while the context is open, and what is left at its end."""
        task = asyncio.create_task(self._run(), name="audit-writer")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._finish()

    async def _run(self) -> None:
        while True:
            self._batch.append(await self._waiting.get())
            await asyncio.sleep(COLLECT_S)
            self._fill()
            wait = FIRST_RETRY_S
            while not await self._write():
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_RETRY_S)

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(LAST_WRITE_S):
                while self._batch or not self._waiting.empty():
                    self._fill()
                    if not await self._write():
                        break
        except TimeoutError:
            log.warning("audit_not_finished")
        left = len(self._batch) + self._waiting.qsize()
        if left:
            DROPPED.labels("stopped").inc(left)
            log.error("audit_dropped", events=left)

    def _fill(self) -> None:
        while len(self._batch) < BATCH and not self._waiting.empty():
            self._batch.append(self._waiting.get_nowait())

    async def _write(self) -> bool:
        """Whether the batch is dealt with. An event that is written twice is kept once, by its id."""
        by_tenant: defaultdict[str, list[AuditEvent]] = defaultdict(list)
        for event in self._batch:
            by_tenant[event.tenant].append(event)
        for tenant, events in by_tenant.items():
            try:
                await self._audit.add(tenant, events)
            except AWAY as error:
                log.warning("audit_waits", events=len(self._batch), error=type(error).__name__)
                return False
            except psycopg.Error as error:
                # One that the database refuses would hold up all that follow for ever.
                DROPPED.labels("refused").inc(len(events))
                log.error("audit_refused", events=len(events), error=type(error).__name__)
            else:
                for event in events:
                    tell(event)
            self._batch = [event for event in self._batch if event.tenant != tenant]
        return True
