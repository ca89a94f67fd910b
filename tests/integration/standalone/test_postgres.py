"""The bundled Postgres survives being killed, runs for root, and leaves nothing behind."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from conftest import Database, PostgresServer, free_port
from standalone import as_user
from standalone.postgres import DataFolder, PostgresError, is_server_of, running


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "a folder" / "postgres", free_port(), "pass word'%/@", {"shared_buffers": "16MB"})
    folder.path.parent.mkdir()
    return folder


def test_each_database_is_fresh_and_has_pgvector(empty_database: Database) -> None:
    with psycopg.connect(empty_database.app_url) as connection:
        assert connection.execute("SELECT '[1,0]'::vector <-> '[0,0]'::vector").fetchone() == (1.0,)


def test_the_application_role_cannot_bypass_row_level_security(empty_database: Database) -> None:
    with psycopg.connect(empty_database.app_url) as connection:
        row = connection.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row == (False, False)


def test_a_wrong_password_is_refused(postgres_server: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://fairlead_app:wrong@127.0.0.1:{postgres_server.port}/empty")


def test_committed_data_survives_kill_9(data: DataFolder, tmp_path: Path) -> None:
    data.initialise(durable=False)
    with (
        running(data, tmp_path / "log") as server,
        psycopg.connect(data.url("postgres"), autocommit=True) as connection,
    ):
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(server.pid, signal.SIGKILL)
        server.wait(10)
    assert data.server_pid() == server.pid, "the dead server's lock file is still there"
    with running(data, tmp_path / "log"), psycopg.connect(data.url("postgres")) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_lock_file_that_names_somebody_elses_process_is_removed(data: DataFolder, tmp_path: Path) -> None:
    """After a reboot, or in a new container, the number of the dead server may be anybody's."""
    data.initialise(durable=False)
    lock = data.path / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{data.path}\n1\n{data.port}\n\n127.0.0.1\n0 0\nready   \n")
    with running(data, tmp_path / "log"), psycopg.connect(data.url("postgres")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_of_an_earlier_start_is_ended_first(data: DataFolder, tmp_path: Path) -> None:
    data.initialise(durable=False)
    with running(data, tmp_path / "log") as earlier:
        assert is_server_of(earlier.pid, data.path)
        data.clear_earlier_server()
        assert earlier.wait(10) == 0


def test_an_initdb_that_was_killed_half_way_is_begun_again(data: DataFolder) -> None:
    unfinished = data.path.with_name("postgres.unfinished")
    (unfinished / "base").mkdir(parents=True)
    assert data.initialise(durable=False)
    assert not unfinished.exists()
    assert not data.initialise(), "it is there now"


def test_a_folder_of_another_postgres_is_named(data: DataFolder) -> None:
    data.path.mkdir()
    (data.path / "PG_VERSION").write_text("14\n")
    with pytest.raises(PostgresError, match="was made by PostgreSQL 14 and this is 18"):
        data.initialise()


def test_the_password_file_of_a_killed_initdb_does_not_stay(data: DataFolder) -> None:
    password = data.path.with_name("postgres.password")
    password.write_text("of the start that was killed")
    data.initialise(durable=False)
    assert not password.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make such a place, and only root needs the fallback")
def test_root_is_served_in_a_folder_of_root_alone_where_user_namespaces_are_refused(tmp_path: Path) -> None:
    """The kernel refuses them inside a chroot, as it does in most containers. initdb looks for its programs so."""
    program = tmp_path / "program"
    program.touch(0o700)
    script = "import os, sys; print(os.geteuid(), os.access(sys.argv[1], os.X_OK))"
    command = (
        f"mount --rbind / {tmp_path}/root && exec chroot {tmp_path}/root {sys.executable} -I -S {as_user.__file__} "
        f"--parent $PPID --data {tmp_path}/data -- {sys.executable} -I -S -c '{script}' {program}"
    )
    (tmp_path / "root").mkdir()
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command], capture_output=True, text=True, check=False, timeout=60
    )
    if "unshare" in done.stderr or "mount:" in done.stderr or "chroot:" in done.stderr:
        pytest.skip("this machine allows no mounts in a namespace")
    uid, reached = done.stdout.split()
    assert uid != "0", done.stderr
    assert reached == "True", "access(2) too must see that this user may pass"


def test_a_foreign_folder_is_left_alone(data: DataFolder) -> None:
    data.path.mkdir()
    (data.path / "thesis.txt").write_text("mine")
    with pytest.raises(PostgresError, match="not a Postgres data folder"):
        data.initialise()
    assert [path.name for path in data.path.iterdir()] == ["thesis.txt"]


def test_the_server_never_runs_as_root(postgres_server: PostgresServer) -> None:
    """Inside its own user namespace (or as another user) the server's uid is not 0, whoever runs the tests."""
    with psycopg.connect(postgres_server.superuser_url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        held = {
            line.split(":")[0]: line.split()[1]
            for line in Path(f"/proc/{row[0]}/status").read_text().splitlines()
            if line.startswith("CapEff")
        }
    dangerous = int(held["CapEff"], 16) & ~(1 << 1 | 1 << 2)
    assert dangerous == 0, "no right of root but to pass folders"


def test_the_server_ends_with_the_process_that_started_it(data: DataFolder, tmp_path: Path) -> None:
    data.initialise(durable=False)
    starter = tmp_path / "starter.py"
    starter.write_text(
        "import sys, subprocess\nfrom pathlib import Path\nfrom standalone.postgres import DataFolder, running\n"
        f"data = DataFolder(Path({str(data.path)!r}), {data.port}, {data.password!r})\n"
        f"with running(data, Path({str(tmp_path / 'log')!r})) as server:\n"
        "    print(server.pid, flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, str(starter)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        watch = os.pidfd_open(pid)
        process.kill()
    assert select.select([watch], [], [], 20)[0], "it stops within seconds"
    os.close(watch)
