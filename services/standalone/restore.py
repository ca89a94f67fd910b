"""`python -m standalone restore DIR`: an installation from its backup, as it was then or, with the archived log, later.

Everything happens beside the place where it is to be, which appears under its name when Postgres has recovered.
"""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from standalone import manifest, wal_archive
from standalone.backup import copy_new
from standalone.data_folder import Home, write_failure
from standalone.errors import StartRefused
from standalone.manifest import Manifest
from standalone.ports import any_free
from standalone.postgres import MAJOR_VERSION, DataFolder, PostgresError, explain, running, server_url
from vector_store.byte_check import verify_bytes
from vector_store.models import Discrepancy
from vector_store.objects import Objects
from vector_store.operations import owner

# Replaying a long archive takes its time; it shows no sign of life that could be awaited instead.
LONGEST_RECOVERY_S = 6 * 3600
POLL_S = 0.1
CONNECT_TIMEOUT_S = 10


@dataclass(frozen=True)
class Moment:
    """The point in time to restore, and the folder of the archived log that leads there."""

    time: datetime
    wal: Path


def restore(source: Path, home: Home, moment: Moment | None, more_objects: Path | None) -> list[Discrepancy]:
    """Make `home` from the backup; gives the files whose bytes it lacks. StartRefused when it cannot be done."""
    kept = manifest.read(source)
    _check(source, home, kept, moment, more_objects)
    manifest.verify(source, kept)
    unfinished = Home(home.path.with_name(f"{home.path.name}.unfinished"))
    before = os.umask(0o077)
    try:
        shutil.rmtree(unfinished.path, ignore_errors=True)
        unfinished.path.mkdir(parents=True)
        copy_new(source, unfinished.path)
        (unfinished.path / manifest.NAME).unlink()
        for folder in kept.folders:
            (unfinished.path / folder).mkdir(exist_ok=True, parents=True)
        unfinished.postgres.chmod(0o700)
        if more_objects is not None:
            copy_new(more_objects, unfinished.objects)
        unfinished.prepare()
        lacking = _recover(unfinished, moment)
        if home.path.exists():
            home.path.rmdir()
        unfinished.path.rename(home.path)
    except OSError as error:
        raise StartRefused(write_failure(home.path, error)) from error
    finally:
        os.umask(before)
        shutil.rmtree(unfinished.path, ignore_errors=True)
    return lacking


def _check(source: Path, home: Home, kept: Manifest, moment: Moment | None, more_objects: Path | None) -> None:
    if home.path.exists() and (not home.path.is_dir() or any(home.path.iterdir())):
        raise StartRefused(
            f"{home.path} is there already: a restore overwrites nothing; move it away, or restore --to another folder"
        )
    if home.path.absolute().is_relative_to(source.absolute()):
        raise StartRefused(f"{home.path} is inside the backup: restore --to another folder")
    if kept.postgres != MAJOR_VERSION:
        raise StartRefused(
            f"{source} is of PostgreSQL {kept.postgres} and this is {MAJOR_VERSION}: use the release that made it"
        )
    if more_objects is not None and not more_objects.is_dir():
        raise StartRefused(f"--objects {more_objects} is not a folder: give the folder `objects` of another copy")
    if moment is None:
        return
    if not moment.wal.is_dir():
        raise StartRefused(f"--wal {moment.wal} is not a folder: give the WAL_ARCHIVE that the platform was run with")
    if moment.time <= kept.finished_at:
        raise StartRefused(
            f"the backup was finished at {kept.finished_at:%Y-%m-%d %H:%M:%S} UTC, after the time asked for: "
            "use an earlier backup"
        )
    if moment.time > datetime.now(UTC):
        raise StartRefused("--until is in the future")


def _recover(home: Home, moment: Moment | None) -> list[Discrepancy]:
    """Let Postgres bring the copied files to one state, then see whether every file has its bytes."""
    settings: Mapping[str, str] = {}
    if moment is not None:
        (home.postgres / "recovery.signal").touch()
        settings = {
            "restore_command": wal_archive.fetching(moment.wal.absolute()),
            "recovery_target_time": f"{moment.time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}+00",
            "recovery_target_action": "promote",
        }
    data = DataFolder(home.postgres, any_free(), home.secret("postgres"), settings)
    log = home.logs / "restore.log"
    try:
        with running(data, log, timeout_s=LONGEST_RECOVERY_S) as server:
            _await_end(data, server, log)
            url = server_url(data.port, "fairlead", "fairlead_owner", home.secret("postgres-fairlead_owner"))
            return asyncio.run(_lacking(url, home))
    except PostgresError as error:
        if "recovery ended before configured recovery target" in str(error):
            raise StartRefused("the archived log ends before the time asked for: choose an earlier time") from None
        raise


def _await_end(data: DataFolder, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """A server answers questions before it has replayed everything; it is stopped only when that is over."""
    deadline = time.monotonic() + LONGEST_RECOVERY_S
    while _recovering(data):
        if server.poll() is not None:
            raise PostgresError(explain(log.read_text(encoding="utf-8", errors="replace"), data.path))
        if time.monotonic() > deadline:
            raise StartRefused(f"the log was not replayed within {LONGEST_RECOVERY_S // 3600} hours")
        time.sleep(POLL_S)


def _recovering(data: DataFolder) -> bool:
    try:
        with psycopg.connect(data.url("postgres"), connect_timeout=CONNECT_TIMEOUT_S) as connection:
            return connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,)
    except psycopg.OperationalError:
        return True


async def _lacking(owner_url: str, home: Home) -> list[Discrepancy]:
    async with owner(owner_url) as conn:
        return await verify_bytes(conn, Objects(home.objects.as_uri()), deep=False)
