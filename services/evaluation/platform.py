"""What an evaluation runs against: a temporary database and the services that it needs, stopped when it ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from standalone.postgres import DataFolder, new_password, running, server_url
from vector_store.databases import Role, Roles, ensure_database, ensure_roles, ensure_vector

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0


class NotStarted(RuntimeError):
    """A process that did not become ready; the message holds the end of its log."""


@dataclass(frozen=True)
class Database:
    """A migrated database: `owner_url` migrates, `app_url` is bound by row-level security as the services are."""

    owner_url: str
    app_url: str


@contextmanager
def temporary_database(folder: Path) -> Generator[Database]:
    """A server with one migrated database under `folder`, gone with the context."""
    end_in_order()
    folder.mkdir(parents=True, exist_ok=True)
    data = DataFolder(folder / "postgres", free_port(), new_password(), {"fsync": "off", "shared_buffers": "512MB"})
    data.initialise(durable=False)
    roles = Roles(*(Role(name, new_password()) for name in ("fairlead_owner", "fairlead_app", "mlflow")))
    with running(data, folder / "postgres.log"):
        superuser_url = data.url("postgres")
        ensure_roles(superuser_url, roles)
        ensure_database(superuser_url, "fairlead", roles.owner, users=(roles.app,))
        ensure_vector(data.url("fairlead"))
        owner_url, app_url = (
            server_url(data.port, "fairlead", role.name, role.password) for role in (roles.owner, roles.app)
        )
        environment = os.environ | {"FAIRLEAD_DATABASE_OWNER_URL": owner_url}
        command = [sys.executable, "-m", "vector_store", "migrate"]
        # What it says goes beside the tables that people keep.
        subprocess.run(command, env=environment, check=True, timeout=60, stdout=sys.stderr)
        yield Database(owner_url, app_url)


@contextmanager
def service(package: str, folder: Path, environment: Mapping[str, str]) -> Generator[str]:
    """`python -m <package>` on a free port until the context ends; yields its base URL once it is ready."""
    port = free_port()
    log = folder / f"{package}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", package],
            env=os.environ | environment | {"FAIRLEAD_PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/readyz", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def end_in_order() -> None:
    """An evaluation that is told to end leaves no service behind: SIGTERM unwinds the contexts as Ctrl-C does."""

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, leave)


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    limit = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < limit and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - an address of our own making
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise NotStarted(f"{' '.join(map(str, process.args))} did not become ready:\n{log.read_text()[-2000:]}")  # pyright: ignore
