"""A backup taken while the database is in use, the data destroyed, and restored: what was found is found again."""

import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from common.postgres import open_pool
from conftest import free_port
from standalone import manifest, wal_archive
from standalone.backup import backup
from standalone.components import Components
from standalone.data_folder import Home
from standalone.errors import StartRefused
from standalone.postgres import running
from standalone.restore import Moment, restore
from standalone.settings import StandaloneSettings
from vector_store import databases
from vector_store.catalog import Catalog
from vector_store.migrations import migrate
from vector_store.models import Chunk, EmbeddingSpace, Scope, SearchRequest
from vector_store.objects import Objects
from vector_store.postgres_engine import PostgresChunkStore

SCOPE = Scope("default", None)
SPACE = EmbeddingSpace("compass", "1", 4)
NORTH = np.eye(4, dtype=np.float32)[:1]


@dataclass
class Installation:
    """A data folder with its real Postgres, used as the services use it."""

    components: Components

    @property
    def home(self) -> Home:
        return self.components.home

    def make(self) -> None:
        self.home.prepare()
        self.components.postgres_data.initialise(durable=False)
        self.home.secret("service-key", "fl-secret-of-the-services")
        (self.home.config / "orchestrator.yaml").write_text("top_k: 4\n")

    def schema(self) -> None:
        data, roles = self.components.postgres_data, self.components.roles
        databases.ensure_roles(data.url("postgres"), roles)
        databases.ensure_database(data.url("postgres"), "fairlead", roles.owner, users=(roles.app,))
        databases.ensure_vector(data.url("fairlead"))
        asyncio.run(migrate(self.components.owner_url))

    def running(self) -> "ExitStack":
        stack = ExitStack()
        stack.enter_context(self.home.locked())
        stack.enter_context(running(self.components.postgres_data, self.home.logs / "postgres.log"))
        return stack

    def put(self, *names: str) -> None:
        asyncio.run(self._put(names))

    async def _put(self, names: tuple[str, ...]) -> None:
        url = self.components.database_url(self.components.roles.app)
        objects = Objects(self.home.objects.as_uri())
        async with open_pool(url, max_size=2) as pool:
            catalog, engine = Catalog(pool), PostgresChunkStore(pool)
            store = await catalog.ensure_store(SCOPE, "papers")
            for name in names:
                text = f"the {name} lies in the harbour"
                await objects.put(f"default/{name}", text.encode())
                file = await catalog.create_file(
                    SCOPE, filename=name, bytes=len(text), sha256="0" * 64, object_key=f"default/{name}"
                )
                await catalog.attach(SCOPE, store.id, file.id)
                await engine.write(SCOPE, store.id, file.id, [Chunk(text, NORTH)], space=SPACE, fingerprint="1")

    def found(self) -> list[str]:
        return asyncio.run(self._found())

    async def _found(self) -> list[str]:
        url = self.components.database_url(self.components.roles.app)
        async with open_pool(url, max_size=2) as pool:
            (store,) = await Catalog(pool).find_stores(SCOPE, ["papers"])
            request = SearchRequest((store.id,), "harbour", NORTH[0], SPACE, top_k=500)
            hits = (await PostgresChunkStore(pool).search(SCOPE, request)).hits
            assert await PostgresChunkStore(pool).verify(SCOPE, store.id) == []
        return sorted(hit.filename for hit in hits)


def installation(folder: Path, **settings: object) -> Installation:
    given = StandaloneSettings(postgres_port=free_port(), fairlead_data=folder, **settings)  # pyright: ignore
    return Installation(Components(given, Home(folder), folder.parent))


@pytest.fixture
def source(tmp_path: Path) -> Installation:
    made = installation(tmp_path / "in use" / "data")
    made.home.path.parent.mkdir()
    made.make()
    with made.running():
        made.schema()
        made.put("bowline", "anchor")
    return made


@pytest.fixture
def kept(source: Installation, tmp_path: Path) -> Path:
    """A backup of the installation at rest."""
    backup(source.components, tmp_path / "kept")
    return tmp_path / "kept"


def files_below(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*") if path.is_file())


def test_what_was_backed_up_in_use_is_found_after_all_was_destroyed(source: Installation, tmp_path: Path) -> None:
    """Documents come in all the while; each that the restored database knows has its bytes."""
    stop, put = threading.Event(), list[str]()

    def upload() -> None:
        while not stop.is_set():
            name = f"file {len(put)}"
            source.put(name)
            put.append(name)

    with source.running():
        writer = threading.Thread(target=upload)
        writer.start()
        try:
            before = len(put)
            made = backup(source.components, tmp_path / "kept")
        finally:
            stop.set()
            writer.join()
        assert source.found() == sorted(["anchor", "bowline", *put])
    shutil.rmtree(source.home.path)

    restored = installation(tmp_path / "restored")
    assert restore(tmp_path / "kept", restored.home, None, None) == []
    with restored.running():
        found = restored.found()
        assert {"anchor", "bowline", *put[:before]} <= set(found) <= {"anchor", "bowline", *put}
        restored.put("after the restore")
        assert "after the restore" in restored.found()
    assert (restored.home.config / "orchestrator.yaml").read_text() == "top_k: 4\n"
    assert restored.home.secret("service-key") == "fl-secret-of-the-services"
    assert made.bytes > 1_000_000


def test_nobody_else_can_read_a_backup_or_what_is_restored(kept: Path, tmp_path: Path) -> None:
    restore(kept, Home(tmp_path / "restored"), None, None)
    for folder in (kept, tmp_path / "restored"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        open_files = [path for path in files_below(folder) if path.stat().st_mode & 0o077]
        assert open_files == []
    assert not list(tmp_path.glob("*.unfinished"))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda kept: (kept / "objects/default/anchor").write_bytes(b"tampered"), "objects/default/anchor was changed"),
        (lambda kept: (kept / "objects/default/anchor").unlink(), "objects/default/anchor is missing"),
        (lambda kept: (kept / "postgres/backdoor").touch(), "postgres/backdoor does not belong to it"),
        (lambda kept: (kept / "manifest.json").unlink(), "holds no complete backup"),
        (lambda kept: (kept / "manifest.json").write_text("{}"), "is not a manifest"),
    ],
)
def test_a_backup_that_was_changed_is_refused(kept: Path, tmp_path: Path, harm: object, said: str) -> None:
    assert callable(harm)
    harm(kept)
    with pytest.raises(StartRefused, match=said):
        restore(kept, Home(tmp_path / "restored"), None, None)
    assert not (tmp_path / "restored").exists()


def test_nothing_is_overwritten(source: Installation, kept: Path, tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="is there already: a backup overwrites nothing"):
        backup(source.components, kept)
    with pytest.raises(StartRefused, match="is there already: a restore overwrites nothing"):
        restore(kept, source.home, None, None)
    with pytest.raises(StartRefused, match="is inside the backup"):
        restore(kept, Home(kept / "data"), None, None)
    (tmp_path / "empty").mkdir()
    assert restore(kept, Home(tmp_path / "empty"), None, None) == []


def test_any_moment_after_a_backup_can_be_restored(source: Installation, tmp_path: Path) -> None:
    """A deletion by mistake: back to the moment before it, with what came in between."""
    archive = tmp_path / "the archive's 100%"
    archive.mkdir(mode=0o700)
    archiving = installation(source.home.path, wal_archive=archive)
    with archiving.running():
        backup(archiving.components, tmp_path / "kept")
        archiving.put("compass")
        with psycopg.connect(archiving.components.postgres_data.url("fairlead"), autocommit=True) as conn:
            before = (conn.execute("SELECT clock_timestamp()").fetchone() or (None,))[0]
            asyncio.run(delete_store(archiving))
            (lost,) = conn.execute("SELECT count(*) FROM stores").fetchone() or (None,)
            assert lost == 0
            piece = conn.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
            assert piece is not None
            while not (archive / f"{piece[0]}.gz").exists():
                conn.execute("SELECT pg_stat_clear_snapshot(), pg_sleep(0.05)")
    assert {stat.S_IMODE(path.stat().st_mode) for path in files_below(archive)} == {0o600}

    restored = installation(tmp_path / "restored")
    assert isinstance(before, datetime)
    lacking = restore(tmp_path / "kept", restored.home, Moment(before, archive), source.home.objects)
    assert lacking == []
    with restored.running():
        assert restored.found() == ["anchor", "bowline", "compass"]
        restored.put("later")

    with pytest.raises(StartRefused, match="use an earlier backup"):
        restore(tmp_path / "kept", Home(tmp_path / "x"), Moment(before - timedelta(days=1), archive), None)
    with pytest.raises(StartRefused, match="the archived log ends before the time asked for"):
        restore(tmp_path / "kept", Home(tmp_path / "x"), Moment(datetime.now(UTC), archive), None)
    assert not (tmp_path / "x").exists()


async def delete_store(made: Installation) -> None:
    async with open_pool(made.components.database_url(made.components.roles.app), max_size=2) as pool:
        (store,) = await Catalog(pool).find_stores(SCOPE, ["papers"])
        await Catalog(pool).delete_store(SCOPE, store.id)


def test_bytes_that_the_backup_lacks_are_named(source: Installation, tmp_path: Path) -> None:
    (source.home.objects / "default" / "anchor").unlink()
    backup(source.components, tmp_path / "kept")
    (problem,) = restore(tmp_path / "kept", Home(tmp_path / "restored"), None, None)
    assert (problem.expected, problem.found) == (len("the anchor lies in the harbour"), 0)


def test_the_commands_as_they_are_typed(source: Installation, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"FAIRLEAD_DATA": str(source.home.path)}
        command = [sys.executable, "-m", "standalone", *words]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
        )

    made = run("backup", "kept")
    assert (made.returncode, made.stderr) == (0, "")
    assert "as of" in made.stdout
    assert manifest.read(tmp_path / "kept").files["config/orchestrator.yaml"].bytes == 9
    assert "fl-secret" not in made.stdout + json.dumps(manifest.read(tmp_path / "kept").model_dump(mode="json"))
    refused = run("restore", "kept")
    assert refused.returncode == 1
    assert "overwrites nothing" in refused.stderr
    done = run("restore", "kept", "--to", "again")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Restored into {tmp_path / 'again'}" in done.stdout
    for words, said in (
        (("restore", "kept", "--to", "x", "--until", "2026-01-01T00:00:00"), "only together"),
        (("restore", "kept", "--to", "x", "--until", "teatime", "--wal", "."), "is no time"),
        (("restore", "nowhere", "--to", "x"), "holds no complete backup"),
    ):
        failed = run(*words)
        assert failed.returncode == 1 and said in failed.stderr, failed


def test_a_piece_of_the_log_is_kept_whole_and_never_replaced_by_another(tmp_path: Path) -> None:
    piece = tmp_path / "000000010000000000000001"
    piece.write_bytes(b"log" * 1000)
    assert wal_archive.keep(tmp_path, piece.name, piece) == 0
    assert wal_archive.keep(tmp_path, piece.name, piece) == 0, "told twice, after a crash"
    piece.write_bytes(b"another")
    assert wal_archive.keep(tmp_path, piece.name, piece) == 1
    assert wal_archive.fetch(tmp_path, piece.name, tmp_path / "back") == 0
    assert (tmp_path / "back").read_bytes() == b"log" * 1000
    assert wal_archive.fetch(tmp_path, "000000010000000000000002", tmp_path / "none") == 1
