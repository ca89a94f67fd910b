"""The state of sources in the database: one tenant's own, and counted from what the index holds."""

from dataclasses import replace

from common.postgres import Pool
from vector_store.catalog import Catalog
from vector_store.models import FileError, Scope
from vector_store.source_states import Documents, SourceState, SourceStates, shown

SCOPE = Scope("a", None)
STATE = SourceState(
    "a",
    "website:default:https://example.org/",
    "handbook",
    "website",
    "https://example.org/",
    "default",
    60.0,
    "ok",
    started_at=1000.5,
    ended_at=1002.0,
    succeeded_at=1002.0,
    counts={"found": 3, "new": 1},
    failures={"forbidden": 1},
    unreadable=({"path": "/x", "reason": "forbidden", "message": "It may not be read."},),
)


async def test_a_state_is_read_as_it_was_written(pool: Pool) -> None:
    states = SourceStates(pool)
    await states.record(STATE)
    (found,) = await states.states("a")
    assert replace(found, unreadable=tuple(found.unreadable)) == STATE


async def test_a_failure_keeps_the_time_of_the_last_success(pool: Pool) -> None:
    states = SourceStates(pool)
    await states.record(STATE)
    await states.record(replace(STATE, state="failed", succeeded_at=None, error="Away.", error_reason="unreachable"))
    (found,) = await states.states("a")
    assert (found.state, found.error_reason, found.succeeded_at) == ("failed", "unreachable", 1002.0)


async def test_tenants_do_not_see_each_others_sources(pool: Pool) -> None:
    states = SourceStates(pool)
    await states.record(STATE)
    await states.record(replace(STATE, tenant="b", label="theirs"))
    assert [each.label for each in await states.states("b")] == ["theirs"]
    await states.keep_only("b", [])
    assert await states.states("b") == [] and len(await states.states("a")) == 1
    assert await states.states("c") == []


async def test_documents_are_counted_by_status_and_reason(pool: Pool, catalog: Catalog) -> None:
    store = await catalog.create_store(SCOPE, "default")
    for number, status in enumerate(("in_progress", "failed", "failed", "completed")):
        file = await catalog.create_file(
            SCOPE, filename="f", bytes=1, sha256="0", object_key="a/f", source=STATE.name, source_path=str(number)
        )
        await catalog.attach(SCOPE, store.id, file.id)
        error = FileError("invalid_file", "It is empty.", "empty_file") if status == "failed" else None
        if status != "in_progress":
            await catalog.set_status(SCOPE, store.id, file.id, status, error)  # type: ignore[arg-type]
    states = SourceStates(pool)
    counted = await states.documents("a", [STATE.name, "another"])
    assert counted == {STATE.name: Documents(1, 1, 2, failures={"empty_file": 2}), "another": Documents()}
    wire = shown(STATE, counted[STATE.name])
    assert wire["documents"] == {"todo": 1, "done": 3, "failed": 2, "total": 4, "eta_s": None}
    assert wire["failures"] == {"forbidden": 1, "empty_file": 2}
    assert (await states.documents("b", [STATE.name])) == {STATE.name: Documents()}


def test_the_time_left_follows_from_the_pace() -> None:
    wire = shown(STATE, Documents(waiting=30, completed=60, recent=60, recent_s=60.0))
    assert wire["documents"]["eta_s"] == 30
