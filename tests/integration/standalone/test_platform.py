"""The whole platform survives what happens to it: a part that crashes, a supervisor that is killed, a second start."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import free_port
from standalone import loopback, reaper

pytestmark = pytest.mark.xdist_group("standalone")

LIGHTHOUSE = "# The lighthouse\n\nThe lighthouse of Brevoort was built in 1874 by Wilhelmina Kruse.\n"
QUESTION = {"messages": [{"role": "user", "content": "When was the lighthouse of Brevoort built?"}]}
END_S = 60


class Platform:
    """`python -m standalone` on ports of its own; `said` is what it has printed so far."""

    def __init__(self, folder: Path, **settings: str) -> None:
        names = ("ORCHESTRATOR", "LLM_PROXY", "LOCAL_MODELS", "INGESTION", "MLFLOW", "POSTGRES")
        self.ports = {name: free_port() for name in names}
        self.home = folder / ".fairlead"
        environment = os.environ | {f"{name}_PORT": str(port) for name, port in self.ports.items()} | settings
        command = [sys.executable, "-m", "standalone"]
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said = ""

    def until(self, text: str) -> None:
        """Read until it says this."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if text in line:
                return
        pytest.fail(f"it ended before it said {text!r}:\n{self.said}")

    def end(self, number: signal.Signals | None = None) -> int:
        """Its exit code, after that signal if one is given."""
        if number is not None:
            self.process.send_signal(number)
        self.said += self.process.communicate(timeout=END_S)[0]
        return self.process.returncode

    def everyone(self) -> dict[str, int]:
        """A pidfd for each process that it started, by its module or program."""
        watched: dict[str, int] = {}
        for pid in descendants(self.process.pid):
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            name = words[words.index("-m") + 1] if "-m" in words else f"{Path(words[0].split()[0]).name} {pid}"
            watched[name] = os.pidfd_open(pid)
        return watched

    async def ask(self) -> dict[str, Any]:
        status, answer = await loopback.request(
            self.ports["ORCHESTRATOR"], "/v1/chat/completions", QUESTION, timeout_s=30
        )
        assert status == 200, answer
        return answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose name has a space, with documents."""
    folder = tmp_path / "my platform"
    (folder / "documents").mkdir(parents=True)
    (folder / "documents" / "lighthouse.md").write_text(LIGHTHOUSE)
    return folder


@pytest.fixture
def platforms(folder: Path) -> Iterator[list[Platform]]:
    """Those that a test started: ended, whatever happened."""
    started: list[Platform] = []
    yield started
    for platform in started:
        if platform.process.poll() is None:
            platform.process.send_signal(signal.SIGINT)
            platform.process.communicate(timeout=END_S)


def descendants(pid: int) -> Iterator[int]:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from descendants(int(child))


def still_there(watched: dict[str, int], within_s: float) -> list[str]:
    """The names of those that have not ended by then."""
    left = dict(watched)
    poll = select.poll()
    for pidfd in left.values():
        poll.register(pidfd, select.POLLIN)
    by_pidfd = {pidfd: name for name, pidfd in left.items()}
    while by_pidfd and (ended := poll.poll(within_s * 1000)):
        for pidfd, _ in ended:
            poll.unregister(pidfd)
            os.close(pidfd)
            del by_pidfd[pidfd]
    return list(by_pidfd.values())


async def test_a_crash_a_kill_and_a_hurry_leave_nothing_but_the_data(folder: Path, platforms: list[Platform]) -> None:
    docs = str(folder / "documents")
    platforms.append(first := Platform(folder, DOCS=docs, TRACING="off"))
    first.until("Ctrl-C stops everything")
    answer = await first.ask()
    assert "1874" in answer["choices"][0]["message"]["content"]
    assert [citation["filename"] for citation in answer["citations"]] == ["lighthouse.md"]

    refused = subprocess.run(
        [sys.executable, "-m", "standalone"], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert refused.returncode == 1
    assert f"already runs on {first.home} (process {first.process.pid})" in refused.stderr

    everyone = first.everyone()
    assert {"orchestrator", "llm_proxy", "local_models", "ingestion"} <= set(everyone)
    run_id = run_of(first)
    signal.pidfd_send_signal(everyone["llm_proxy"], signal.SIGKILL)
    assert first.end() == 1
    assert "llm-proxy was ended by signal SIGKILL" in first.said
    assert still_there(everyone, 5) == []
    assert reaper.strays(run_id) == []

    platforms.append(second := Platform(folder, TRACING="off"))
    second.until("Ctrl-C stops everything")
    assert (await second.ask())["citations"] == answer["citations"], "files, passages and scores are the same"
    status, sources = await loopback.request(second.ports["INGESTION"], "/v1/sources")
    assert (status, sources["data"][0]["counts"]["unchanged"]) == (200, 1), "nothing was embedded again"

    everyone, run_id = second.everyone(), run_of(second)
    assert second.end(signal.SIGKILL) == -signal.SIGKILL
    assert still_there(everyone, 30) == []
    assert reaper.strays(run_id) == []

    platforms.append(third := Platform(folder, TRACING="off"))
    third.until("Ctrl-C stops everything")
    assert (await third.ask())["citations"] == answer["citations"]
    everyone = third.everyone()
    third.process.send_signal(signal.SIGINT)
    third.until("stopping")
    assert third.end(signal.SIGINT) == 0
    assert still_there(everyone, 5) == []


async def test_traces_are_on_and_secrets_are_in_no_log(folder: Path, platforms: list[Platform]) -> None:
    platforms.append(platform := Platform(folder, DOCS=str(folder / "documents"), AUTH="keys"))
    platform.until("Ctrl-C stops everything")
    key = (platform.home / "secrets" / "user-key").read_text().strip()
    port = platform.ports["ORCHESTRATOR"]
    status, _ = await loopback.request(port, "/v1/chat/completions", QUESTION)
    assert status == 401
    status, answer = await loopback.request(
        port, "/v1/chat/completions", QUESTION, {"authorization": f"Bearer {key}"}, timeout_s=30
    )
    assert status == 200, answer
    status, found = await loopback.request(
        platform.ports["MLFLOW"], "/api/2.0/mlflow/experiments/get-by-name?experiment_name=fairlead"
    )
    assert status == 200, found
    assert platform.end(signal.SIGTERM) == 0

    assert platform.home.stat().st_mode & 0o077 == 0
    names = (
        "postgres",
        "postgres-fairlead_owner",
        "postgres-fairlead_app",
        "postgres-mlflow",
        "service-key",
        "user-key",
    )
    written = "".join(path.read_text(errors="replace") for path in platform.home.glob("logs/*")) + platform.said
    for name in names:
        file = platform.home / "secrets" / name
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text().strip() not in written, name
    assert json.loads((platform.home / "secrets" / "keys.json").read_text())["keys"]


def run_of(platform: Platform) -> str:
    """What marks every process of this run."""
    for pid in descendants(platform.process.pid):
        for variable in Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0"):
            if variable.startswith(f"{reaper.RUN_VARIABLE}="):
                return variable.partition("=")[2]
    raise AssertionError("no process of it is marked")
