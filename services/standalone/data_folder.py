"""The folder that holds everything of one installation, and the lock that lets one start at a time use it."""

import errno
import fcntl
import os
import pwd
import secrets
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from standalone.errors import StartRefused

MB = 1024 * 1024
# An empty database and its write-ahead log take about 100 MB; documents come on top.
NEEDED_FIRST = 300 * MB
# Later little is needed to start, and whoever wants to delete documents to make space must be able to.
NEEDED_LATER = 50 * MB
# After a kill the platform's remains are stopped by the reaper, within this time.
TAKEOVER_S = 40.0
POLL_S = 0.1
ELSEWHERE = "or keep the data elsewhere with `make run FAIRLEAD_DATA=/folder`"


@dataclass(frozen=True)
class Home:
    """Paths below the data folder."""

    path: Path

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def objects(self) -> Path:
        return self.path / "objects"

    @property
    def artifacts(self) -> Path:
        return self.path / "mlflow"

    @property
    def collector(self) -> Path:
        return self.path / "collector"

    @property
    def prometheus(self) -> Path:
        return self.path / "prometheus"

    @property
    def config(self) -> Path:
        return self.path / "config"

    @property
    def last_good(self) -> Path:
        return self.path / "last-good"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def lock(self) -> Path:
        return self.run / "lock"

    def prepare(self) -> None:
        """Make the folders; StartRefused where that is not allowed or the disk is full."""
        try:
            # Documents and logs are in here: nobody else on the machine is to read them.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.objects, self.artifacts, self.config, self.last_good, self.logs, self.run):
                folder.mkdir(exist_ok=True)
            self.secrets.mkdir(mode=0o700, exist_ok=True)
            probe = self.run / "writable"
            probe.write_bytes(b"\0" * 4096)
            probe.unlink()
        except OSError as error:
            raise StartRefused(write_failure(self.path, error)) from error
        free = shutil.disk_usage(self.path).free
        needed = NEEDED_LATER if self.postgres.exists() else NEEDED_FIRST
        if free < needed:
            raise StartRefused(
                f"the disk that holds {self.path} has {free // MB} MB free and {needed // MB} MB are needed: "
                f"free some space, {ELSEWHERE}"
            )

    def secret(self, name: str, content: str | None = None) -> str:
        """A secret that is made once (random, or `content`) and kept readable for its owner alone."""
        path = self.secrets / name
        with suppress(FileNotFoundError):
            if kept := path.read_text(encoding="utf-8").strip():
                return kept
        value = content or secrets.token_urlsafe(24)
        temporary = path.with_name(f"{name}.new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(value + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        return value

    @contextmanager
    def locked(self) -> Generator[int]:
        """Hold the folder for this process and those that inherit the yielded file descriptor.

        When the start that holds it is no longer alive, its remains are being stopped: that is waited for.
        """
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            deadline = time.monotonic() + TAKEOVER_S
            while not _try_lock(descriptor, self.lock):
                holder = self.supervisor()
                if holder is not None:
                    raise StartRefused(
                        f"Fairlead already runs on {self.path} (process {holder}): use it, or end it with `make stop`"
                    )
                if time.monotonic() > deadline:
                    raise StartRefused(f"an earlier start on {self.path} is still being stopped: try again in a minute")
                time.sleep(POLL_S)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)

    def is_locked(self) -> bool:
        """Whether a start, or what a killed one left, still uses the folder."""
        try:
            descriptor = os.open(self.lock, os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            return not _try_lock(descriptor, self.lock)
        finally:
            os.close(descriptor)

    def supervisor(self) -> int | None:
        """The process that last locked the folder, if it is alive."""
        try:
            pid = int(self.lock.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            return pid  # it is another user's
        return pid


def write_failure(path: Path, error: OSError) -> str:
    """One sentence for a write that failed."""
    if error.errno == errno.ENOSPC:
        return f"the disk that holds {path} is full: free some space, {ELSEWHERE}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        place = Path(error.filename or path)
        return (
            f"{place} may not be written ({error.strerror}{_belonging(place)}): "
            f"give this user write permission there, {ELSEWHERE}"
        )
    return f"{error.filename or path} cannot be written: {error.strerror}"


def _belonging(path: Path) -> str:
    """Whose it is, if somebody else's: most often root's, of an earlier start with sudo."""
    for place in (path, *path.parents):
        with suppress(OSError):
            owner = place.stat().st_uid
            if owner == os.geteuid():
                return ""
            with suppress(KeyError):
                return f"; {'it' if place == path else place} belongs to {pwd.getpwuid(owner).pw_name}"
            return f"; {'it' if place == path else place} belongs to user {owner}"
    return ""


def _try_lock(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StartRefused(
            f"{path} cannot be locked ({error.strerror}): use another file system, {ELSEWHERE}"
        ) from error
    return True
