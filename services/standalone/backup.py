"""`python -m standalone backup DIR`: everything of an installation in one consistent state, while it runs or not.

The database is copied by Postgres itself (pg_basebackup) as of the end of the copy. Bytes of files are never changed
under their key, so those that lay there before and those that came during the copy are together what it refers to.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from standalone import manifest
from standalone.components import Components, commit
from standalone.data_folder import Home, write_failure
from standalone.errors import StartRefused
from standalone.manifest import Manifest
from standalone.ports import any_free
from standalone.postgres import HOST, MAJOR_VERSION, SUPERUSER, DataFolder, binary, running

# Copying the database may take as long as its size asks for; a server that does not answer at all is noticed sooner.
LONGEST_COPY_S = 6 * 3600
CONNECT_S = "15"
# What a backup holds beside the database and the bytes: settings, keys and passwords, artifacts of traces.
FOLDERS = ("config", "last-good", "secrets", "mlflow")


def backup(components: Components, target: Path) -> Manifest:
    """Write a backup into `target`, which must not exist; StartRefused when it cannot be made whole."""
    home = components.home
    if not (home.postgres / "PG_VERSION").exists():
        raise StartRefused(f"{home.path} holds no installation: say where it is with FAIRLEAD_DATA=/folder")
    if target.exists():
        raise StartRefused(f"{target} is there already: a backup overwrites nothing, name a new folder")
    unfinished = target.with_name(f"{target.name}.unfinished")
    before = os.umask(0o077)  # passwords, keys and documents are in it
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        copy_new(home.objects, unfinished / "objects")
        with _server(components) as port:
            _copy_database(components, port, unfinished / "postgres")
        finished_at = datetime.now(UTC)
        copy_new(home.objects, unfinished / "objects")
        for name in FOLDERS:
            copy_new(home.path / name, unfinished / name)
        made = manifest.write(
            unfinished, finished_at=finished_at, postgres=MAJOR_VERSION, commit=commit(components.folder)
        )
        os.sync()
        unfinished.rename(target)
    except OSError as error:
        raise StartRefused(write_failure(target, error)) from error
    finally:
        os.umask(before)
        shutil.rmtree(unfinished, ignore_errors=True)
    return made


def copy_new(source: Path, target: Path) -> int:
    """Copy what `target` lacks, readable for its owner alone; gives the number of files. One that is removed meanwhile
    is left out: whoever removed it wanted it gone."""
    target.mkdir(parents=True, exist_ok=True)
    copied = 0
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        place = target / path.relative_to(source)
        try:
            if path.is_dir():
                place.mkdir(exist_ok=True, parents=True)
            elif path.is_file() and not place.exists() and "#" not in path.name:  # an upload under way has a # in it
                partial = place.with_name(f"{place.name}.part")
                shutil.copyfile(path, partial)
                shutil.copystat(path, partial)
                partial.chmod(0o600)
                partial.rename(place)
                copied += 1
        except FileNotFoundError:
            if path.exists():
                raise
    return copied


@contextmanager
def _server(components: Components) -> Iterator[int]:
    """The port of the installation's server: of the one that runs, else of one for this time."""
    home = components.home
    if home.is_locked():
        yield _port_of(home)
        return
    with home.locked():
        data = DataFolder(home.postgres, any_free(), home.secret("postgres"))
        with running(data, home.logs / "postgres.log"):
            yield data.port


def _port_of(home: Home) -> int:
    """It need not be the configured one: the platform may have been started with another."""
    deadline = time.monotonic() + float(CONNECT_S)
    while time.monotonic() < deadline:
        try:
            lines = (home.postgres / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return int(lines[3])
        except FileNotFoundError:
            pass
        time.sleep(0.1)
    raise StartRefused(f"Fairlead runs on {home.path} and its Postgres is not ready: try again, or see {home.logs}")


def _copy_database(components: Components, port: int, target: Path) -> None:
    environment = {
        "PATH": os.defpath,
        # Not on the command line, which every user of the machine can read.
        "PGPASSWORD": components.home.secret("postgres"),
        "PGCONNECT_TIMEOUT": CONNECT_S,
    }
    command = [str(binary("pg_basebackup")), "--pgdata", str(target), "--host", HOST, "--port", str(port)]
    command += ["--username", SUPERUSER, "--no-password", "--checkpoint=fast", "--wal-method=stream"]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=LONGEST_COPY_S
        )
    except subprocess.TimeoutExpired:
        raise StartRefused(f"the database was not copied within {LONGEST_COPY_S // 3600} hours") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise StartRefused(f"the database could not be copied: {lines[-1] if lines else 'pg_basebackup says nothing'}")
