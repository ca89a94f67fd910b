"""Keeps the configured sources in step while the worker runs, and knows how each of them stands."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from common.live_config import LiveConfig, Snapshot
from common.logs import get_logger
from ingestion import metrics
from ingestion.sources.kind import Source, SourceUnavailable
from ingestion.sources.sync import Report, Syncer
from ingestion.tunables import IngestionTunables

log = get_logger("schedule")

# After a failure the next look comes sooner than the interval, for a folder that is mounted late or a database restart.
RETRY_S = 5.0
SHOWN_FAILURES = 20


@dataclass
class SourceState:
    """How one source stands. Times are Unix seconds."""

    source: Source
    state: Literal["waiting", "running", "ok", "failed"] = "waiting"
    started_at: float | None = None
    succeeded_at: float | None = None
    error: str | None = None
    report: Report | None = None

    def shown(self) -> dict[str, Any]:
        """As `/v1/sources` shows it."""
        report = self.report
        counts = ("found", "new", "changed", "deleted", "unchanged", "skipped")
        return {
            "object": "source",
            "name": self.source.name,
            "kind": getattr(self.source, "kind", ""),
            "path": self.source.place,
            "store": self.source.store,
            "tenant": self.source.tenant,
            "state": self.state,
            "started_at": _seconds(self.started_at),
            "last_success_at": _seconds(self.succeeded_at),
            "error": self.error,
            "counts": {name: getattr(report, name) if report else 0 for name in counts},
            "unreadable": [
                {"path": unread.path, "reason": unread.reason, "message": unread.message}
                for unread in (report.unread[:SHOWN_FAILURES] if report else ())
            ],
        }


class Schedule:
    """Syncs every source at start, every `sync_interval_s`, and at once when the sources are edited."""

    def __init__(self, live: LiveConfig[IngestionTunables], syncer: Syncer) -> None:
        self._live = live
        self._syncer = syncer
        self._states: dict[tuple[str, str], SourceState] = {}
        self._edited = asyncio.Event()
        self._adopt(live.current.value)
        live.subscribe(self._on_change)

    def shown(self) -> list[dict[str, Any]]:
        """The state of every configured source."""
        return [state.shown() for state in self._states.values()]

    def states(self, tenant: str) -> list[dict[str, Any]]:
        """The state of one tenant's sources."""
        return [state.shown() for (owner, _), state in self._states.items() if owner == tenant]

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._edited.clear()
            for state in list(self._states.values()):
                await self._sync(state)
            failed = any(state.state == "failed" for state in self._states.values())
            if not failed:
                failed = not await self._forget()
            interval = self._live.current.value.sync_interval_s
            with suppress(TimeoutError):
                async with asyncio.timeout(min(interval, RETRY_S) if failed else interval):
                    await self._edited.wait()

    def _on_change(self, snapshot: Snapshot[IngestionTunables]) -> None:
        self._adopt(snapshot.value)
        self._edited.set()

    def _adopt(self, tunables: IngestionTunables) -> None:
        """Take the sources over; those that stay the same keep their state."""
        before = self._states
        self._states = {}
        for source in tunables.sources:
            key = (source.tenant, source.name)
            known = before.get(key)
            self._states[key] = known if known and known.source == source else SourceState(source)

    async def _sync(self, state: SourceState) -> None:
        state.state, state.started_at, state.error = "running", time.time(), None
        try:
            state.report = await self._syncer.sync(state.source, self._live.current.value.limits.file_bytes)
        except SourceUnavailable as error:
            state.state, state.error = "failed", str(error)
            log.warning("source_unavailable", source=state.source.name, reason=str(error))
        except Exception as error:  # noqa: BLE001 - one source's failure must not end the schedule
            state.state, state.error = "failed", "The sync broke off; it will be tried again."
            log.warning("sync_failed", source=state.source.name, error=f"{type(error).__name__}: {error}")
        else:
            state.state, state.succeeded_at = "ok", time.time()
            metrics.SYNC_AGE.labels(state.source.name).set(state.succeeded_at)
            if state.report.queued or state.report.deleted:
                log.info("synced", **state.shown()["counts"], source=state.source.name)
        metrics.SYNCS.labels(state.state).inc()

    async def _forget(self) -> bool:
        """Remove files of sources that were taken out of the configuration; False when that did not work."""
        if not self._live.current.value.forget_removed_sources:
            return True
        tenants = {tenant for tenant, _ in self._states} or {"default"}
        try:
            for tenant in tenants:
                kept = [name for owner, name in self._states if owner == tenant]
                await self._syncer.forget_others(tenant, kept)
        except Exception as error:  # noqa: BLE001 - as in _sync
            log.warning("forget_failed", error=f"{type(error).__name__}: {error}")
            return False
        return True


def _seconds(at: float | None) -> int | None:
    return None if at is None else int(at)
