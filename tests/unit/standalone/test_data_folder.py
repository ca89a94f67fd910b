"""One start at a time uses a data folder, its secrets are its owner's alone, and it says what it may not do."""

import errno
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from standalone import data_folder
from standalone.data_folder import Home, write_failure
from standalone.errors import StartRefused


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "data")
    home.prepare()
    return home


def test_a_secret_is_made_once_and_readable_for_its_owner_alone(home: Home) -> None:
    secret = home.secret("postgres")
    assert len(secret) >= 32
    assert home.secret("postgres") == secret
    assert (home.secrets / "postgres").stat().st_mode & 0o777 == 0o600
    assert home.secrets.stat().st_mode & 0o777 == 0o700


def test_a_secret_that_was_half_written_is_made_again(home: Home) -> None:
    (home.secrets / "postgres").touch()
    (home.secrets / "postgres.new").write_text("half")
    assert len(home.secret("postgres")) >= 32


def test_a_second_start_is_told_who_runs(home: Home) -> None:
    with home.locked():
        assert home.is_locked()
        with pytest.raises(StartRefused, match=rf"already runs on .*process {os.getpid()}.*make stop"), home.locked():
            pass
    assert not home.is_locked()


def test_the_remains_of_a_killed_start_are_waited_for(home: Home) -> None:
    """Its reaper holds the lock while it stops what was left; the lock names a process that is gone."""
    holder = (
        "import fcntl, os, sys, subprocess\n"
        f"lock = os.open({str(home.lock)!r}, os.O_RDWR | os.O_CREAT)\n"
        "fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "gone = subprocess.Popen(['true']); gone.wait()\n"
        "os.pwrite(lock, f'{gone.pid}\\n'.encode(), 0)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read(1)\n"
    )
    command = [sys.executable, "-c", holder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reaper:
        assert reaper.stdout is not None
        assert reaper.stdin is not None
        assert reaper.stdout.readline() == "held\n"
        assert home.supervisor() is None
        reaper.stdin.write("x")
        reaper.stdin.flush()
        with home.locked():
            assert home.supervisor() == os.getpid()


def test_too_little_space_is_refused_before_anything_starts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_folder, "NEEDED_FIRST", 1 << 60)
    with pytest.raises(StartRefused, match=r"MB free .* FAIRLEAD_DATA="):
        home.prepare()
    home.postgres.mkdir()
    home.prepare()  # what is there can be used, and cleared out, with little


def test_a_folder_of_somebody_else_is_told_as_such(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = PermissionError(errno.EACCES, "Permission denied", str(home.logs / "postgres.log"))
    assert "belongs to" not in write_failure(home.path, refused)
    name = pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert f"(Permission denied; {home.logs} belongs to {name}): give this user" in write_failure(home.path, refused)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EACCES, "give this user write permission"),
        (errno.EROFS, "give this user write permission"),
        (errno.ENAMETOOLONG, "cannot be written"),
    ],
)
def test_each_failure_to_write_is_one_sentence(number: int, said: str) -> None:
    sentence = write_failure(Path("/data"), OSError(number, os.strerror(number), "/data/run"))
    assert said in sentence
    assert "\n" not in sentence
