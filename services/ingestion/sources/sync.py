"""Brings the catalog in step with a source: new and changed files are stored and queued, deleted ones removed.

Every step can be the last before a crash: a file's version is noted only when all that follows from it is recorded, so
the next sync finishes what this one began.
"""

import asyncio
import mimetypes
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.errors import QueryCanceled

from common.ids import new_id
from common.logs import get_logger
from common.postgres import Pool
from ingestion import metrics
from ingestion.failures import Reason
from ingestion.sources.folder import sha256_of
from ingestion.sources.kind import Attribute, FoundFile, Looking, Scan, Source, SourceUnavailable, Unread, Unreadable
from ingestion.sources.registry import KINDS
from vector_store.catalog import Catalog, SourceFile
from vector_store.errors import ConflictError, NotFoundError
from vector_store.fields import MAX_NAME_LENGTH, MAX_PAIRS, MAX_VALUE_LENGTH, storable
from vector_store.models import Scope
from vector_store.objects import Objects

log = get_logger("sync")

# Files brought up at a time: enough to keep a far object store busy, little memory.
PARALLEL = 8
# Another sync of the same source (another worker, the command line) is waited for so long.
LOCK_WAIT_S = 600
UNREAD_HASH = "unread"


@dataclass
class Report:
    """What one sync of a source did."""

    source: str
    store_id: str = ""
    found: int = 0
    new: int = 0
    changed: int = 0
    deleted: int = 0
    unchanged: int = 0
    skipped: int = 0
    unread: list[Unread] = field(default_factory=list[Unread])

    @property
    def brought_up(self) -> int:
        """Files that need nothing more: the queue has them, or they were in step."""
        return self.new + self.changed + self.unchanged

    @property
    def queued(self) -> int:
        """Files that the queue was given."""
        return self.new + self.changed


Progress = Callable[[Report], None]


@dataclass(frozen=True)
class Syncer:
    """What syncs work with."""

    catalog: Catalog
    objects: Objects
    pool: Pool
    cache: Path | None = None
    """Where sources keep what makes the next look cheaper; none: nothing is kept."""
    work: Path | None = None
    """Where each look has a folder of its own; none: the system's temporary folder."""

    async def sync(self, source: Source, largest: int, progress: Progress = lambda _: None) -> Report:
        """Bring one source in step. Files over `largest` bytes are recorded, so that their failure is seen, not stored.

        Raises SourceUnavailable when the source cannot be read at all: nothing is deleted then.
        """
        scope = Scope(source.tenant, None, key_name=source.shown_name)
        async with self._alone(source), self._folders() as (folder, cache):
            known = await self.catalog.files_of_source(scope, source.name)
            versions = {
                path: file.version for path, file in known.items() if file.version and not _grown(file, largest)
            }
            async with source.look(Looking(versions, largest, folder, cache)) as found:
                store = await self.catalog.ensure_store(scope, source.store)
                report = Report(source.name, store.id, len(found.files), skipped=found.skipped, unread=found.unread)
                progress(report)
                one = _Pass(self, scope, source, store.id, largest, report, progress)
                await one.bring_up(found, known, versions)
                await one.remove_missing(found, known)
                await self.catalog.label_source_files(scope, store.id, source.name, source.shown_name)
        for change in ("new", "changed", "deleted"):
            metrics.SYNC_FILES.labels(change).inc(getattr(report, change))
        metrics.SYNC_FILES.labels("unreadable").inc(len(report.unread))
        return report

    async def forget_others(self, tenant: str, kept: Sequence[str]) -> int:
        """Remove the files of sources that are no longer configured; returns how many files there were."""
        scope = Scope(tenant, None)
        removed = 0
        for kind in KINDS:
            for name in await self.catalog.source_names(scope, f"{kind.model_fields['kind'].default}:"):
                if name not in kept:
                    for file in (await self.catalog.files_of_source(scope, name)).values():
                        await self.catalog.delete_file(scope, file.file_id)
                        removed += 1
                    log.info("source_forgotten", source=name)
        return removed

    @asynccontextmanager
    async def _folders(self) -> AsyncIterator[tuple[Path, Path]]:
        """A folder for this look alone, and the one that outlives it."""
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="look-", dir=self.work))
        try:
            cache = self.cache or folder / "cache"
            work = folder / "documents"
            for each in (work, cache):
                await asyncio.to_thread(each.mkdir, mode=0o700, parents=True, exist_ok=True)
            yield work, cache
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    @asynccontextmanager
    async def _alone(self, source: Source) -> AsyncIterator[None]:
        """Hold the source's lock in the database; it is free again when this process dies."""
        key = f"fairlead/source/{source.tenant}/{source.name}"
        async with self.pool.connection() as connection:
            await connection.set_autocommit(True)
            try:
                await connection.execute(f"SET statement_timeout = '{LOCK_WAIT_S}s'".encode())
                try:
                    await connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))
                except QueryCanceled:
                    raise SourceUnavailable(f"Another sync of {source.place} has not ended for a long time.") from None
                yield
            finally:
                if not connection.closed:
                    await connection.execute("SELECT pg_advisory_unlock_all()")
                    await connection.execute("RESET statement_timeout")
                    await connection.set_autocommit(False)


@dataclass(frozen=True)
class _Pass:
    syncer: Syncer
    scope: Scope
    source: Source
    store_id: str
    largest: int
    report: Report
    progress: Progress

    async def bring_up(self, found: Scan, known: dict[str, SourceFile], versions: dict[str, str]) -> None:
        """Store and queue what is new or changed."""
        gate = asyncio.Semaphore(PARALLEL)

        async def one(file: FoundFile) -> None:
            async with gate:
                await self._file(file, known.get(file.path))
                self.progress(self.report)

        changed: list[FoundFile] = []
        for file in found.files.values():
            if versions.get(file.path) == file.version:
                self.report.unchanged += 1
            else:
                changed.append(file)
        async with asyncio.TaskGroup() as group:
            for file in changed:
                group.create_task(one(file))

    async def remove_missing(self, found: Scan, known: dict[str, SourceFile]) -> None:
        """Delete what is no longer there, unless it may only be out of sight."""
        for path, file in known.items():
            if path not in found.files and not found.is_unknown(path):
                try:
                    await self.syncer.catalog.delete_file(self.scope, file.file_id)
                except NotFoundError:
                    continue
                self.report.deleted += 1
                self.progress(self.report)

    async def _file(self, file: FoundFile, before: SourceFile | None) -> None:
        try:
            async with self._at_hand(file):
                await self._bring_up(file, before)
        except Unreadable as error:
            self.report.unread.append(Unread(file.path, error.reason, error.message))
        except OSError as error:
            message = f"The file cannot be read: {error.strerror or error}."
            self.report.unread.append(Unread(file.path, Reason.UNREADABLE, message))
        except (NotFoundError, ConflictError) as error:
            # Deleted over the API while we looked at it: the next sync sees it as it is then.
            log.info("file_went_away", source=self.source.name, path=file.path, why=str(error))

    @asynccontextmanager
    async def _at_hand(self, file: FoundFile) -> AsyncIterator[None]:
        """The file's bytes are at its place, for as long as they are needed if they had to be fetched."""
        if file.fetch is None or file.bytes > self.largest:
            yield
            return
        try:
            await file.fetch()
            yield
        finally:
            await asyncio.to_thread(file.place.unlink, missing_ok=True)

    async def _bring_up(self, file: FoundFile, before: SourceFile | None) -> None:
        sha256 = await self._hash(file)
        if before is None:
            file_id = await self._create(file, sha256)
            self.report.new += 1
        elif before.sha256 != sha256:
            file_id = before.file_id
            await self._replace(file, file_id, sha256)
            self.report.changed += 1
        else:
            file_id = before.file_id
            self.report.unchanged += 1
            if before.version is not None:
                # Touched, not changed.
                await self.syncer.catalog.set_source_version(self.scope, file_id, file.version)
                return
        attributes = await self._attributes(file, file_id, before)
        await self.syncer.catalog.attach(self.scope, self.store_id, file_id, attributes=attributes)
        await self.syncer.catalog.set_source_version(self.scope, file_id, file.version)

    async def _attributes(self, file: FoundFile, file_id: str, before: SourceFile | None) -> dict[str, Attribute]:
        """What filters match: the source's word on the file, beside what its owner has set over the API."""
        found: dict[str, Attribute] = {"source": self.source.shown_name, "source_path": file.path, **file.attributes}
        owned: dict[str, Attribute] = {}
        if before is not None:
            with suppress(NotFoundError):
                owned = dict((await self.syncer.catalog.get_store_file(self.scope, self.store_id, file_id)).attributes)
        for key, value in found.items():
            if isinstance(value, str):
                value = storable(value)[:MAX_VALUE_LENGTH]
            if key in owned or len(owned) < MAX_PAIRS:
                owned[key] = value
        return owned

    async def _hash(self, file: FoundFile) -> str:
        if file.bytes > self.largest:
            # It will not be read; its version stands for its content.
            return f"{UNREAD_HASH}:{file.version}"
        return await asyncio.to_thread(sha256_of, file.place)

    async def _create(self, file: FoundFile, sha256: str) -> str:
        file_id = new_id("file-")
        key = await self._store(file, sha256)
        await self.syncer.catalog.create_file(
            self.scope,
            filename=_shown(file.filename or file.path),
            bytes=file.bytes,
            sha256=sha256,
            object_key=key,
            content_type=_content_type(file),
            source=self.source.name,
            source_path=file.path,
            file_id=file_id,
        )
        return file_id

    async def _replace(self, file: FoundFile, file_id: str, sha256: str) -> None:
        key = await self._store(file, sha256)
        await self.syncer.catalog.set_source_version(self.scope, file_id, None)
        await self.syncer.catalog.replace_file(
            self.scope, file_id, bytes=file.bytes, sha256=sha256, object_key=key, content_type=_content_type(file)
        )

    async def _store(self, file: FoundFile, sha256: str) -> str:
        # A key of its own for every content: the removal of an old one can then never hit a new one.
        key = f"{self.source.tenant}/{new_id('source-')}"
        if not sha256.startswith(UNREAD_HASH):
            await self.syncer.objects.put(key, file.place)
        return key


def _grown(file: SourceFile, largest: int) -> bool:
    """Whether the file was too large to be read when it was found, and would be read now."""
    return file.sha256.startswith(UNREAD_HASH) and file.bytes <= largest


def _shown(path: str) -> str:
    """The name that people see: the path in the source without parts that climb, its end if it is too long."""
    path = "/".join(part for part in path.split("/") if part not in ("", ".", "..")) or "unnamed"
    return path if len(path) <= MAX_NAME_LENGTH else f"…{path[1 - MAX_NAME_LENGTH :]}"


def _content_type(file: FoundFile) -> str:
    return file.content_type or mimetypes.guess_type(file.place.name)[0] or "application/octet-stream"
