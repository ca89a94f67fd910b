"""How a source stands while it is looked at: kept here, written to the database for every replica, and measured."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import psycopg
import psycopg_pool

from common.logs import get_logger
from ingestion import metrics
from ingestion.failures import Reason
from ingestion.sources.kind import Source, SourceUnavailable
from ingestion.sources.sync import Report, Syncer
from vector_store.source_states import COUNTS, Documents, SourceState, SourceStates

log = get_logger("sources")

SHOWN_FAILURES = 20
# Progress is written down this often.
WRITE_EVERY_S = 1.0
DATABASE_AWAY = (psycopg.Error, psycopg_pool.PoolTimeout, psycopg_pool.TooManyRequests, OSError)

Watching = Callable[[SourceState], None]


@dataclass
class Tracked:
    """One source and its state. `due` is when it is looked at next, by the monotonic clock."""

    source: Source
    state: SourceState
    due: float = 0.0
    failed_in_a_row: int = 0
    since: float = field(default_factory=time.time)
    documents: Documents = field(default_factory=Documents)

    def measure(self) -> None:
        """Show it in the metrics."""
        labels = (self.state.tenant, self.state.label)
        if self.state.succeeded_at is not None:
            metrics.SOURCE_SUCCESS.labels(*labels).set(self.state.succeeded_at)
        # Asked for at the moment of the scrape, so that it grows while a source hangs or has never been in step.
        metrics.SOURCE_LAG.labels(*labels).set_function(lambda: time.time() - (self.state.succeeded_at or self.since))
        held = self.documents
        for state, count in (
            ("todo", self.state.todo + held.waiting),
            ("done", held.completed),
            ("failed", held.failed),
        ):
            metrics.SOURCE_DOCUMENTS.labels(*labels, state).set(count)

    def unmeasure(self) -> None:
        """Take it out of the metrics."""
        labels = (self.state.tenant, self.state.label)
        metrics.SOURCE_SUCCESS.remove_by_labels({"tenant": labels[0], "source": labels[1]})
        metrics.SOURCE_LAG.remove_by_labels({"tenant": labels[0], "source": labels[1]})
        metrics.SOURCE_DOCUMENTS.remove_by_labels({"tenant": labels[0], "source": labels[1]})
        metrics.SOURCE_FAILURES.remove_by_labels({"tenant": labels[0], "source": labels[1]})


def tracked(source: Source, every_s: float) -> Tracked:
    """A source that was not looked at yet; it is due at once."""
    state = SourceState(
        source.tenant,
        source.name,
        source.shown_name,
        getattr(source, "kind", ""),
        source.place,
        source.store,
        source.interval_s(every_s),
    )
    return Tracked(source, state)


async def look_at(
    each: Tracked, syncer: Syncer, states: SourceStates, largest: int, watching: Watching = lambda _: None
) -> Report | None:
    """Bring one source in step and keep its state; None when it failed, with the reason in the state."""
    each.state = replace(
        each.state, state="running", started_at=time.time(), error=None, error_reason=None, todo=0, done=0
    )
    writer = asyncio.create_task(_write_progress(each, states))
    report: Report | None = None

    def progress(now: Report) -> None:
        done = now.brought_up
        each.state = replace(each.state, todo=max(0, now.found - done), done=done, counts=_counts(now))
        watching(each.state)

    try:
        report = await syncer.sync(each.source, largest, progress)
    except SourceUnavailable as error:
        _failed(each, error.reason, str(error))
        log.warning("source_unavailable", source=each.state.name, reason=str(error))
    except Exception as error:  # noqa: BLE001 - one source's failure must not end the schedule
        _failed(each, Reason.GAVE_UP, "The sync broke off; it will be tried again.")
        log.warning("sync_failed", source=each.state.name, error=f"{type(error).__name__}: {error}")
    else:
        _succeeded(each, report)
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
    metrics.SYNCS.labels(each.state.state).inc()
    each.measure()
    await write(each.state, states)
    return report


async def write(state: SourceState, states: SourceStates) -> None:
    """Write the state down; while the database is away that is lost, and counted."""
    try:
        await states.record(state)
    except DATABASE_AWAY as error:
        metrics.SOURCE_STATES_LOST.inc()
        log.warning("state_not_written", source=state.name, error=type(error).__name__)


async def _write_progress(each: Tracked, states: SourceStates) -> None:
    written: SourceState | None = None
    while True:
        if each.state is not written:
            written = each.state
            each.measure()
            await write(written, states)
        await asyncio.sleep(WRITE_EVERY_S)


def _failed(each: Tracked, reason: Reason, message: str) -> None:
    each.failed_in_a_row += 1
    metrics.SOURCE_FAILURES.labels(each.state.tenant, each.state.label, reason).inc()
    each.state = replace(
        each.state,
        state="failed",
        ended_at=time.time(),
        error=message,
        error_reason=str(reason),
        todo=0,
        failures={},
        unreadable=(),
    )


def _succeeded(each: Tracked, report: Report) -> None:
    each.failed_in_a_row = 0
    failures = Counter(str(unread.reason) for unread in report.unread)
    for reason, count in failures.items():
        metrics.SOURCE_FAILURES.labels(each.state.tenant, each.state.label, reason).inc(count)
    now = time.time()
    each.state = replace(
        each.state,
        state="ok",
        ended_at=now,
        succeeded_at=now,
        counts=_counts(report),
        failures=dict(failures),
        unreadable=tuple(
            {"path": unread.path, "reason": str(unread.reason), "message": unread.message}
            for unread in report.unread[:SHOWN_FAILURES]
        ),
        todo=0,
        done=report.found,
    )
    if report.queued or report.deleted:
        log.info("synced", **each.state.counts, source=each.state.name)


def _counts(report: Report) -> dict[str, int]:
    return {name: getattr(report, name) for name in COUNTS}
