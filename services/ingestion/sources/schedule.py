"""Keeps the configured sources in step while the worker runs, each by its own clock, and knows how they stand."""

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from common.live_config import LiveConfig, Snapshot
from common.logs import get_logger
from ingestion.sources.sync import Syncer
from ingestion.sources.tracking import DATABASE_AWAY, Tracked, look_at, tracked
from ingestion.tunables import IngestionTunables
from vector_store.source_states import SourceState, SourceStates, shown

log = get_logger("schedule")

# After a failure the next look comes sooner than the interval, for a folder that is mounted late or a database restart;
# after each further one in a row it comes later, for a server that is not helped by being asked.
RETRY_S = 5.0
# Sources looked at at a time: a slow web site does not hold up a folder. Each holds a database connection.
PARALLEL = 3
COUNT_EVERY_S = 30.0
# Times are kept in microseconds in the database, and as they are here.
CLOCK_S = 0.001

Key = tuple[str, str]


class Schedule:
    """Looks at every source at start, every `every_s` or `sync_interval_s`, and at once when it is edited."""

    def __init__(self, live: LiveConfig[IngestionTunables], syncer: Syncer, states: SourceStates) -> None:
        self._live = live
        self._syncer = syncer
        self._states = states
        self._sources: dict[Key, Tracked] = {}
        self._running: dict[Key, tuple[Tracked, asyncio.Task[None]]] = {}
        # Each sync holds a connection for its lock and needs others for its work.
        self._turns = asyncio.Semaphore(max(1, min(PARALLEL, syncer.pool.max_size // 4)))
        self._edited = asyncio.Event()
        self._tenants = {"default"}
        self._forget_at: float | None = 0.0
        self._adopt(live.current.value)
        live.subscribe(self._on_change)

    async def shown(self, tenant: str) -> list[dict[str, Any]]:
        """The tenant's sources as this worker sees them; their documents are counted while the database is there."""
        sources = [each for each in self._sources.values() if each.state.tenant == tenant]
        with suppress(*DATABASE_AWAY):
            counted = await self._states.documents(tenant, [each.state.name for each in sources])
            for each in sources:
                each.documents = counted[each.state.name]
        return [shown(each.state, each.documents) for each in sources]

    async def run(self) -> None:
        """Until cancelled."""
        counting = asyncio.create_task(self._count())
        try:
            while True:
                self._edited.clear()
                await self._stop_edited()
                for key, each in self._sources.items():
                    if key not in self._running and each.due <= time.monotonic():
                        self._running[key] = (each, asyncio.create_task(self._look(each)))
                await self._forget()
                await self._next()
        finally:
            tasks = [counting, *(task for _, task in self._running.values())]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _next(self) -> None:
        """Until something ends, is due or was edited."""
        edited = asyncio.create_task(self._edited.wait())
        waiting = {task for _, task in self._running.values()}
        due = [each.due for key, each in self._sources.items() if key not in self._running]
        if self._forget_at:
            due.append(self._forget_at)
        timeout = max(0.0, min(due) - time.monotonic()) if due else None
        try:
            await asyncio.wait({edited, *waiting}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            edited.cancel()
            await asyncio.gather(edited, return_exceptions=True)
        self._running = {key: (each, task) for key, (each, task) in self._running.items() if not task.done()}

    async def _look(self, each: Tracked) -> None:
        async with self._turns:
            began = time.monotonic()
            other = await self._looked_elsewhere(each)
            wait = each.state.every_s
            if other is None:
                largest = self._live.current.value.limits.file_bytes
                await look_at(each, self._syncer, self._states, largest)
            else:
                each.state = other
                each.measure()
                began -= max(0.0, time.time() - (other.started_at or 0.0))
                # Later than the other's next look, lest both begin at the same moment from then on.
                wait *= random.uniform(1.05, 1.2)  # noqa: S311 - spreads load, guards nothing
        if each.failed_in_a_row:
            wait = min(wait, RETRY_S * 2 ** min(each.failed_in_a_row - 1, 16))
        each.due = max(began + wait, time.monotonic() + min(1.0, wait))

    async def _looked_elsewhere(self, each: Tracked) -> SourceState | None:
        """The state of a look that another replica began since our own last one; None when it is our turn."""
        recorded = None
        with suppress(*DATABASE_AWAY):
            states = await self._states.states(each.state.tenant)
            recorded = next((state for state in states if state.name == each.state.name), None)
        if recorded is None:
            return None
        if each.state.started_at is None:
            # Our first look: all that is taken over is when the source was in step before we were started.
            each.state = replace(each.state, succeeded_at=recorded.succeeded_at)
            return None
        newer = (recorded.started_at or 0.0) > each.state.started_at + CLOCK_S
        fresh = time.time() - (recorded.started_at or 0.0) < each.state.every_s
        ours = each.failed_in_a_row or recorded.state == "failed" or not (newer and fresh)
        return None if ours else recorded

    def _on_change(self, snapshot: Snapshot[IngestionTunables]) -> None:
        self._adopt(snapshot.value)
        self._edited.set()

    def _adopt(self, tunables: IngestionTunables) -> None:
        """Take the sources over; those that stay the same keep their state."""
        before = self._sources
        self._sources = {}
        for source in tunables.sources:
            key = (source.tenant, source.name)
            fresh = tracked(source, tunables.sync_interval_s)
            known = before.get(key)
            same = known is not None and known.source == source and known.state.every_s == fresh.state.every_s
            self._sources[key] = known if known and same else fresh
        for key, each in before.items():
            if self._sources.get(key) is not each:
                each.unmeasure()
        # A tenant whose last source was taken out has documents to be removed as well.
        self._tenants |= {tenant for tenant, _ in self._sources}
        self._forget_at = 0.0

    async def _stop_edited(self) -> None:
        """End the looks at sources that are configured otherwise now, or no longer."""
        stale = [key for key, (each, _) in self._running.items() if self._sources.get(key) is not each]
        for key in stale:
            each, task = self._running.pop(key)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            each.unmeasure()

    async def _forget(self) -> None:
        """Remove files of sources that were taken out of the configuration, once all that are in it were in step."""
        waiting = any(each.state.succeeded_at is None or each.failed_in_a_row for each in self._sources.values())
        if self._forget_at is None or waiting or time.monotonic() < self._forget_at:
            return
        try:
            for tenant in self._tenants:
                kept = [name for owner, name in self._sources if owner == tenant]
                if self._live.current.value.forget_removed_sources:
                    await self._syncer.forget_others(tenant, kept)
                await self._states.keep_only(tenant, kept)
        except Exception as error:  # noqa: BLE001 - the database is away; the next try may succeed
            log.warning("forget_failed", error=f"{type(error).__name__}: {error}")
            self._forget_at = time.monotonic() + RETRY_S
        else:
            self._forget_at = None

    async def _count(self) -> None:
        """Keep the metrics of documents up to date."""
        while True:
            for tenant in {each.state.tenant for each in self._sources.values()}:
                await self.shown(tenant)
            for each in self._sources.values():
                each.measure()
            await asyncio.sleep(COUNT_EVERY_S)
