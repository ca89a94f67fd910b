"""The Git server of a cluster of one's own, as a process, with git itself as its client."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[3] / "services/image/git_server.py"
GIT = ("git", "-c", "user.name=t", "-c", "user.email=t@localhost")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "served").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    environment = os.environ | {"GIT_ROOT": str(tmp_path / "served"), "LISTEN_PORT": str(port)}
    process = subprocess.Popen([sys.executable, str(SERVER)], env=environment, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run([*GIT, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def commit(folder: Path, text: str) -> None:
    (folder / "file").write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "one")


def test_what_is_pushed_can_be_cloned(url: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "--quiet", "--initial-branch=main")
    # More than one buffer of git's: it is then sent in chunks, of a length that nobody said before.
    commit(work, os.urandom(200_000).hex())
    git(work, "-c", "http.postBuffer=66000", "push", "--quiet", f"{url}/platform.git", "HEAD:main")
    git(tmp_path, "clone", "--quiet", "--branch", "main", f"{url}/platform.git", "copy")
    assert (tmp_path / "copy/file").read_text() == (work / "file").read_text()

    commit(work, "two")
    git(work, "push", "--quiet", f"{url}/platform.git", "HEAD:main")
    git(tmp_path / "copy", "pull", "--quiet")
    assert (tmp_path / "copy/file").read_text() == "two"


@pytest.mark.parametrize("path", ["/../etc/passwd", "/platform.git/../../etc/passwd", "/", "/x", "/UPPER.git/HEAD"])
def test_nothing_else_is_served(url: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url + path, timeout=10)
    assert refused.value.code == 404
