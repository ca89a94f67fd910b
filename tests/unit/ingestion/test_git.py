"""A git repository as a source, with real repositories made by git itself."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ingestion.sources.kind import SourceUnavailable
from unit.ingestion.looking import Looked, looked, source
from unit.ingestion.test_safe_http import answer_with

IDENTITY = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *arguments: str, data: bytes | None = None) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=os.environ | IDENTITY, input=data, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, {"docs/ropes.md": "# Ropes\n", "docs/sub/ü.txt": "text", "code.py": "x", "other.md": "# Other"})
    return folder


def commit(folder: Path, files: dict[str, str | None]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=change")


async def look(repository: Path, tmp_path: Path, **options: Any) -> Looked:
    return await looked(tmp_path, **{"kind": "git", "url": repository.as_uri(), "allow_private": True, **options})


async def test_files_of_a_folder_are_found_with_their_blobs_as_versions(repository: Path, tmp_path: Path) -> None:
    found = await look(repository, tmp_path, folder="/docs/")
    assert found.bytes == {"docs/ropes.md": b"# Ropes\n", "docs/sub/ü.txt": b"text"}
    blob = git(repository, "rev-parse", "HEAD:docs/ropes.md")
    assert found.scan.files["docs/ropes.md"].version == f"blob:{blob}"
    assert (await look(repository, tmp_path)).scan.skipped == 1


async def test_changes_and_deletions_are_seen(repository: Path, tmp_path: Path) -> None:
    first = await look(repository, tmp_path)
    commit(repository, {"docs/ropes.md": "# Lines\n", "other.md": None, "new.md": "# New"})
    second = await look(repository, tmp_path, known=first.versions())
    assert second.bytes == {"docs/ropes.md": b"# Lines\n", "new.md": b"# New"}
    assert "other.md" not in second.scan.files and "docs/sub/ü.txt" in second.scan.files


async def test_a_branch_of_its_own_and_a_history_that_was_rewritten(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "--quiet", "-b", "release/1.0")
    commit(repository, {"new.md": "# Release"})
    found = await look(repository, tmp_path, branch="release/1.0")
    assert found.bytes["new.md"] == b"# Release"
    git(repository, "commit", "--quiet", "--amend", "--message=rewritten")
    commit(repository, {"new.md": "# Again"})
    assert (await look(repository, tmp_path, branch="release/1.0")).bytes["new.md"] == b"# Again"


async def test_the_history_is_not_fetched(repository: Path, tmp_path: Path) -> None:
    for number in range(5):
        commit(repository, {"new.md": f"# {number}"})
    await look(repository, tmp_path)
    (bare,) = (tmp_path / "cache").iterdir()
    assert git(bare, "--git-dir=.", "rev-list", "--count", "FETCH_HEAD") == "1"


async def test_links_and_names_that_climb_are_left_out(repository: Path, tmp_path: Path) -> None:
    (repository / "link.md").symlink_to("/etc/passwd")
    commit(repository, {})
    blob = git(repository, "hash-object", "-w", "--stdin", data=b"evil")
    inner = git(repository, "mktree", data=f"100644 blob {blob}\tevil.md\n".encode())
    # git itself refuses to make such a tree by its usual ways.
    tree = (
        b"".join(b"40000 " + name + b"\0" + bytes.fromhex(inner) for name in (b"..",))
        + b"100644 good.md\0"
        + bytes.fromhex(blob)
    )
    hash = git(repository, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", data=tree)
    made = git(repository, "commit-tree", "-m", "evil", hash)
    git(repository, "update-ref", "refs/heads/evil", made)
    assert "link.md" not in (await look(repository, tmp_path)).scan.files
    found = await look(repository, tmp_path, branch="evil")
    assert list(found.scan.files) == ["good.md"] and found.scan.skipped == 1
    assert not (tmp_path / "evil.md").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [({"branch": "missing"}, "missing"), ({"folder": "missing"}, "no folder")],
)
async def test_what_cannot_be_fetched_makes_the_source_unavailable(
    repository: Path, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(SourceUnavailable, match=words):
        await look(repository, tmp_path, **options)


async def test_a_repository_that_is_too_large_is_refused(repository: Path, tmp_path: Path) -> None:
    (repository / "large.bin").write_bytes(os.urandom(500_000))
    commit(repository, {})
    with pytest.raises(SourceUnavailable, match="max_bytes"):
        await look(repository, tmp_path, max_bytes=200_000)


async def test_a_repository_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="git fetch failed"):
        await look(tmp_path / "missing", tmp_path)


async def test_a_fetch_that_was_killed_does_not_lock_the_next_one_out(repository: Path, tmp_path: Path) -> None:
    await look(repository, tmp_path)
    (bare,) = (tmp_path / "cache").iterdir()
    (bare / "shallow.lock").touch()
    commit(repository, {"new.md": "# New"})
    assert "new.md" in (await look(repository, tmp_path)).scan.files


async def test_a_server_that_says_nothing_meets_the_deadline(tmp_path: Path) -> None:
    connected = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        try:
            await asyncio.sleep(3600)
        finally:
            writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = {"kind": "git", "url": f"https://127.0.0.1:{port}/x.git", "allow_private": True, "look_s": 1}
    with pytest.raises(SourceUnavailable, match="within 1 s"):
        await looked(tmp_path, **settings)
    assert connected.is_set()
    server.close()


@pytest.mark.parametrize(
    ("scheme", "greeting"), [("https", b"docs.example"), ("ssh", b"SSH-2.0")], ids=["https", "ssh"]
)
async def test_the_connection_goes_to_the_address_that_was_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, greeting: bytes
) -> None:
    greeted: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.append(await reader.read(2048))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    answer_with(monkeypatch, ["127.0.0.1"])
    # Nobody but our own look-up knows this name: git can only have been told the address.
    with pytest.raises(SourceUnavailable, match="git fetch failed"):
        await looked(tmp_path, kind="git", url=f"{scheme}://docs.example:{port}/x.git", allow_private=True)
    assert greeting in greeted[0]
    server.close()


@pytest.mark.parametrize("url", ["https://127.0.0.1/x.git", "https://localhost/x.git", "ssh://169.254.169.254/x.git"])
async def test_private_addresses_are_refused_unless_allowed(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceUnavailable, match="not public"):
        await looked(tmp_path, kind="git", url=url)


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "--upload-pack=touch /tmp/x"},
        {"url": "-oProxyCommand=x"},
        {"url": "ext::sh -c touch% /tmp/x"},
        {"url": "git://example.org/x"},
        {"url": "http://example.org/x"},
        {"url": "ssh://-oProxyCommand=x/y"},
        {"url": "ssh://host/-x"},
        {"url": "https://name:word@example.org/x"},
        {"url": "git@example.org:x/y.git"},
        {"url": "file:///srv/x"},
        {"url": "file://host/srv/x", "allow_private": True},
        {"url": "https://example.org/x y"},
        {"url": "https://example.org/x", "branch": "--upload-pack=x"},
        {"url": "https://example.org/x", "branch": "+refs/*:refs/*"},
        {"url": "https://example.org/x", "branch": "a b"},
        {"url": "https://example.org/x", "user": "-x y"},
    ],
)
def test_what_git_could_take_for_an_option_or_a_program_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        source(kind="git", **settings)


async def test_the_token_is_in_no_argument(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout.strip()
    (programs / "git").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {tmp_path}/arguments\nexec {real} "$@"\n')
    (programs / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("GIT_TOKEN", "very-secret")
    found = await look(repository, tmp_path, token={"env": "GIT_TOKEN"})
    assert found.scan.files
    assert "fetch" in (arguments := (tmp_path / "arguments").read_text()) and "very-secret" not in arguments
