"""When sources are looked at: at start, after edits, soon after failures, and by one of several workers only."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from common.live_config import LiveConfig
from common.postgres import Pool, open_pool
from conftest import Database
from ingestion.sources.kind import FoundFile, Looking, Scan, Source, SourceUnavailable
from ingestion.sources.schedule import Schedule
from ingestion.sources.sync import Syncer
from ingestion.tunables import IngestionTunables
from vector_store.catalog import Catalog
from vector_store.models import Scope
from vector_store.objects import Objects
from vector_store.source_states import SourceStates

PATIENCE_S = 20.0


class NotesSource(Source):
    """A kind of its own, in one class: texts that a test holds in memory."""

    kind: Literal["notes"] = "notes"
    key: str
    notes: ClassVar[dict[str, dict[str, str] | Exception]] = {}
    looks: ClassVar[list[str]] = []
    held: ClassVar[dict[str, asyncio.Event]] = {}

    @property
    def place(self) -> str:
        return self.key

    @asynccontextmanager
    async def look(self, looking: Looking) -> AsyncGenerator[Scan]:
        self.looks.append(self.key)
        if self.key in self.held:
            await self.held[self.key].wait()
        notes = self.notes[self.key]
        if isinstance(notes, Exception):
            raise notes
        scan = Scan()
        for name, text in notes.items():
            place = looking.folder / name
            place.write_text(text)
            scan.files[name] = FoundFile(name, place, len(text), text)
        yield scan


@dataclass
class Stand:
    """A schedule whose configuration a test writes."""

    pool: Pool
    syncer: Syncer
    states: SourceStates
    live: LiveConfig[IngestionTunables]
    sources: list[Source] = field(default_factory=list[Source])

    def schedule(self) -> Schedule:
        self.configure(*self.sources)
        return Schedule(self.live, self.syncer, self.states)

    def configure(self, *sources: Source) -> None:
        """As an edit of the file would, past its validation: this kind is not registered."""
        value = IngestionTunables().model_copy(update={"sources": sources, "sync_interval_s": 3600.0})
        snapshot = replace(self.live.current, value=value)
        self.live._current = snapshot  # pyright: ignore
        for tell in self.live._subscribers:  # pyright: ignore
            tell(snapshot)


@pytest.fixture
async def stand(database: Database, tmp_path: Path) -> AsyncIterator[Stand]:
    NotesSource.notes.clear()
    NotesSource.looks.clear()
    NotesSource.held.clear()
    live = LiveConfig(IngestionTunables, None, service="ingestion")
    live.load()
    async with open_pool(database.app_url, min_size=1, max_size=12) as pool:
        syncer = Syncer(Catalog(pool), Objects((tmp_path / "objects").as_uri()), pool)
        yield Stand(pool, syncer, SourceStates(pool), live)


@asynccontextmanager
async def running(schedule: Schedule) -> AsyncIterator[Schedule]:
    task = asyncio.create_task(schedule.run())
    try:
        yield schedule
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.02)


async def states(schedule: Schedule) -> dict[str, Any]:
    return {source["path"]: source for source in await schedule.shown("default")}


async def test_a_source_is_looked_at_once_at_start_and_again_when_it_is_edited(stand: Stand) -> None:
    NotesSource.notes["a"] = {"n.txt": "one"}
    stand.sources = [NotesSource(key="a")]
    async with running(stand.schedule()) as schedule:

        async def ok() -> bool:
            return (await states(schedule))["a"]["state"] == "ok"

        await until(ok)
        assert NotesSource.looks == ["a"]
        stand.configure(NotesSource(key="a", every_s=60))
        await until(lambda: _looked(2))
        await until(ok)
        assert (await states(schedule))["a"]["every_s"] == 60


async def test_a_failure_is_tried_again_soon_and_loses_nothing(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.sources.schedule.RETRY_S", 0.05)
    NotesSource.notes["a"] = {"n.txt": "one"}
    stand.sources = [NotesSource(key="a")]
    async with running(stand.schedule()):
        await until(lambda: _recorded(stand, "ok"))
    NotesSource.notes["a"] = SourceUnavailable("It is away.")
    async with running(stand.schedule()):
        await until(lambda: _looked(4))
        await until(lambda: _recorded(stand, "failed"))
        assert len(await stand.syncer.catalog.files_of_source(Scope("default", None), "notes:default:a")) == 1
        NotesSource.notes["a"] = {}
        await until(lambda: _recorded(stand, "ok"))
    assert await stand.syncer.catalog.files_of_source(Scope("default", None), "notes:default:a") == {}


async def test_a_defect_in_one_kind_ends_neither_the_schedule_nor_the_others(stand: Stand) -> None:
    NotesSource.notes |= {"a": ValueError("secret detail"), "b": {"n.txt": "one"}}
    stand.sources = [NotesSource(key="a"), NotesSource(key="b")]
    async with running(stand.schedule()) as schedule:

        async def both() -> bool:
            found = await states(schedule)
            return (found["a"]["state"], found["b"]["state"]) == ("failed", "ok")

        await until(both)
        assert "secret" not in str(await states(schedule))


async def test_what_another_worker_began_is_not_begun_again(stand: Stand) -> None:
    NotesSource.notes["a"] = {}
    stand.sources = [NotesSource(key="a", every_s=1)]
    async with running(stand.schedule()) as schedule:
        await until(lambda: _recorded(stand, "ok"))
        (state,) = await stand.states.states("default")
        other = replace(state, state="running", started_at=time.time() + 3600)
        before = len(NotesSource.looks)

        async def adopted() -> bool:
            # A look of our own that ended just now has written over it.
            await stand.states.record(other)
            return (await states(schedule))["a"]["started_at"] == int(other.started_at or 0)

        await until(adopted)
        looks = len(NotesSource.looks)
        assert looks <= before + 1


async def test_an_edit_ends_the_look_at_what_was_configured_before(stand: Stand) -> None:
    NotesSource.held["a"] = asyncio.Event()
    NotesSource.notes |= {"a": {"n.txt": "one"}, "b": {"n.txt": "two"}}
    stand.sources = [NotesSource(key="a")]
    async with running(stand.schedule()) as schedule:
        await until(lambda: _looked(1))
        stand.configure(NotesSource(key="b"))

        async def replaced() -> bool:
            found = await states(schedule)
            return list(found) == ["b"] and found["b"]["state"] == "ok"

        await until(replaced)
        await until(lambda: _names(stand, ["notes:default:b"]))


async def _looked(count: int) -> bool:
    return len(NotesSource.looks) >= count


async def _recorded(stand: Stand, wanted: str) -> bool:
    return [state.state for state in await stand.states.states("default")] == [wanted]


async def _names(stand: Stand, wanted: list[str]) -> bool:
    return [state.name for state in await stand.states.states("default")] == wanted
