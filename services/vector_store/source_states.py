"""How configured sources stand: written by the worker that looks at one, read by every replica."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from psycopg.types.json import Jsonb

from vector_store.models import Scope
from vector_store.tables import Row, TenantTables, fetch_all

State = Literal["waiting", "running", "ok", "failed"]
COUNTS = ("found", "new", "changed", "deleted", "unchanged", "skipped")
# Files indexed within this time say how fast the others will follow.
PACE_S = 60.0

_COLUMNS = (
    "tenant, name, label, kind, place, store, every_s, state, started_at, ended_at, succeeded_at, error, error_reason,"
    " counts, failures, unreadable, todo, done"
)
_RECORD = f"""
INSERT INTO sources ({_COLUMNS})
VALUES (%(tenant)s, %(name)s, %(label)s, %(kind)s, %(place)s, %(store)s, %(every_s)s, %(state)s,
        to_timestamp(%(started_at)s), to_timestamp(%(ended_at)s), to_timestamp(%(succeeded_at)s), %(error)s,
        %(error_reason)s, %(counts)s, %(failures)s, %(unreadable)s, %(todo)s, %(done)s)
ON CONFLICT (tenant, name) DO UPDATE
SET label = EXCLUDED.label, kind = EXCLUDED.kind, place = EXCLUDED.place, store = EXCLUDED.store,
    every_s = EXCLUDED.every_s, state = EXCLUDED.state, started_at = EXCLUDED.started_at,
    ended_at = EXCLUDED.ended_at, succeeded_at = coalesce(EXCLUDED.succeeded_at, sources.succeeded_at),
    error = EXCLUDED.error, error_reason = EXCLUDED.error_reason, counts = EXCLUDED.counts,
    failures = EXCLUDED.failures, unreadable = EXCLUDED.unreadable, todo = EXCLUDED.todo, done = EXCLUDED.done
"""  # noqa: S608
_LIST = """
SELECT tenant, name, label, kind, place, store, every_s, state, extract(epoch FROM started_at)::float8 AS started_at,
       extract(epoch FROM ended_at)::float8 AS ended_at, extract(epoch FROM succeeded_at)::float8 AS succeeded_at,
       error, error_reason, counts, failures, unreadable, todo, done
FROM sources WHERE tenant = %(tenant)s ORDER BY name
"""
_DOCUMENTS = """
SELECT f.source, sf.status,
       CASE WHEN sf.status = 'failed' THEN coalesce(sf.error_reason, sf.error_code, 'unknown') END AS reason,
       count(*) AS files, count(*) FILTER (WHERE sf.indexed_at > now() - make_interval(secs => %(pace_s)s)) AS recent,
       extract(epoch FROM now() - min(sf.indexed_at) FILTER (
           WHERE sf.indexed_at > now() - make_interval(secs => %(pace_s)s)))::float8 AS recent_s
FROM files AS f JOIN store_files AS sf ON sf.file_no = f.no
WHERE f.tenant = %(tenant)s AND f.source = ANY(%(names)s)
GROUP BY f.source, sf.status, reason
"""


@dataclass(frozen=True, slots=True)
class SourceState:
    """One source. Times are Unix seconds; `todo` and `done` count the documents of the look that is under way."""

    tenant: str
    name: str
    label: str
    kind: str
    place: str
    store: str
    every_s: float
    state: State = "waiting"
    started_at: float | None = None
    ended_at: float | None = None
    succeeded_at: float | None = None
    error: str | None = None
    error_reason: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    failures: Mapping[str, int] = field(default_factory=dict[str, int])
    """Documents that the last look could not read, by reason."""
    unreadable: Sequence[Mapping[str, str]] = ()
    todo: int = 0
    done: int = 0

    def lag_s(self) -> float | None:
        """How old the newest state is that its store is known to be in step with; None before the first success."""
        return None if self.succeeded_at is None else max(0.0, time.time() - self.succeeded_at)


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of a source in the index; `recent` of them were indexed in the last `recent_s` seconds."""

    waiting: int = 0
    completed: int = 0
    failed: int = 0
    recent: int = 0
    recent_s: float = 0.0
    failures: Mapping[str, int] = field(default_factory=dict[str, int])


class SourceStates(TenantTables):
    """Every call is one transaction of the scope's tenant."""

    async def record(self, state: SourceState) -> None:
        """Writes the state down, in the place of the one before."""
        values: dict[str, Any] = {name: getattr(state, name) for name in SourceState.__slots__}
        for name in ("counts", "failures"):
            values[name] = Jsonb(dict(values[name]))
        values["unreadable"] = Jsonb([dict(each) for each in state.unreadable])
        async with self._transaction(Scope(state.tenant, None)) as conn:
            await conn.execute(_RECORD.encode(), values)

    async def states(self, tenant: str) -> list[SourceState]:
        """The tenant's sources by name, as their workers last recorded them."""
        async with self._transaction(Scope(tenant, None)) as conn:
            return [SourceState(**row) for row in await fetch_all(conn, _LIST, {"tenant": tenant})]

    async def documents(self, tenant: str, names: Sequence[str]) -> dict[str, Documents]:
        """What the index holds of each source."""
        params = {"tenant": tenant, "names": list(names), "pace_s": PACE_S}
        async with self._transaction(Scope(tenant, None)) as conn:
            rows = await fetch_all(conn, _DOCUMENTS, params)
        return {name: _documents([row for row in rows if row["source"] == name]) for name in names}

    async def keep_only(self, tenant: str, names: Sequence[str]) -> None:
        """Forgets the state of sources that are no longer configured."""
        async with self._transaction(Scope(tenant, None)) as conn:
            await conn.execute("DELETE FROM sources WHERE tenant = %s AND name <> ALL(%s)", (tenant, list(names)))


def shown(state: SourceState, documents: Documents | None = None) -> dict[str, Any]:
    """As `/v1/sources` shows it."""
    held = documents or Documents()
    todo, done = state.todo + held.waiting, held.completed + held.failed
    failures = dict(state.failures)
    for reason, count in held.failures.items():
        failures[reason] = failures.get(reason, 0) + count
    lag_s = state.lag_s()
    return {
        "object": "source",
        "name": state.name,
        "label": state.label,
        "kind": state.kind,
        "path": state.place,
        "store": state.store,
        "tenant": state.tenant,
        "state": state.state,
        "every_s": state.every_s,
        "started_at": _seconds(state.started_at),
        "last_success_at": _seconds(state.succeeded_at),
        "lag_s": None if lag_s is None else round(lag_s, 1),
        "error": state.error,
        "error_reason": state.error_reason,
        "counts": {name: state.counts.get(name, 0) for name in COUNTS},
        "failures": failures,
        "unreadable": [dict(each) for each in state.unreadable],
        "documents": {
            "todo": todo,
            "done": done,
            "failed": held.failed,
            "total": todo + done,
            "eta_s": _eta_s(state, held, todo),
        },
    }


def _eta_s(state: SourceState, held: Documents, todo: int) -> int | None:
    """0 when nothing is left to do, None while nothing is known of the pace."""
    if not todo:
        return 0
    pace = held.recent / max(1.0, held.recent_s)
    if not pace and state.state == "running":
        pace = state.done / max(1.0, time.time() - (state.started_at or 0.0))
    return round(todo / pace) if pace else None


def _documents(rows: Sequence[Row]) -> Documents:
    counted = {status: sum(row["files"] for row in rows if row["status"] == status) for status in _STATUSES}
    failures = {row["reason"]: row["files"] for row in rows if row["reason"]}
    recent = sum(row["recent"] for row in rows)
    recent_s = max((row["recent_s"] or 0.0 for row in rows), default=0.0)
    return Documents(counted["in_progress"], counted["completed"], counted["failed"], recent, recent_s, failures)


_STATUSES = ("in_progress", "completed", "failed")


def _seconds(at: float | None) -> int | None:
    return None if at is None else int(at)
