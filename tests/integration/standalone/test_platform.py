"""The whole platform survives what happens to it: a part that crashes, a supervisor that is killed, a second start."""

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from conftest import free_port
from fakes import upstream
from standalone import loopback, ports, reaper

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

    @property
    def key(self) -> str:
        return (self.home / "secrets" / "user-key").read_text().strip()

    async def ask(self, key: str = "none") -> dict[str, Any]:
        headers = {"authorization": f"Bearer {key}"}
        status, answer = await loopback.request(
            self.ports["ORCHESTRATOR"], "/v1/chat/completions", QUESTION, headers, timeout_s=30
        )
        assert status == 200, answer
        return answer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose name has a space, with documents that can and cannot be read."""
    folder = tmp_path / "my platform"
    (folder / "documents").mkdir(parents=True)
    (folder / "documents" / "lighthouse.md").write_text(LIGHTHOUSE)
    (folder / "documents" / "blank.txt").touch()
    (folder / "documents" / "nowhere.md").symlink_to("gone.md")
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
    """Three starts in one folder: a part crashes, the supervisor is killed, and somebody is in a hurry."""
    docs = str(folder / "documents")
    platforms.append(first := Platform(folder, DOCS=docs, TRACING="off"))
    first.until("Ctrl-C stops everything")
    answer = await first.ask()
    assert "1874" in answer["choices"][0]["message"]["content"]
    assert [citation["filename"] for citation in answer["citations"]] == ["lighthouse.md"]
    assert "1 file, 2 left out" in first.said
    assert "left out: blank.txt: The file is empty." in first.said
    assert "left out: nowhere.md: The file or folder does not exist." in first.said
    a_second_start_is_refused(first)

    everyone, run_id = first.everyone(), run_of(first)
    assert {"orchestrator", "llm_proxy", "local_models", "ingestion"} <= set(everyone)
    signal.pidfd_send_signal(everyone["llm_proxy"], signal.SIGKILL)
    assert first.end() == 1
    assert "llm-proxy was ended by signal SIGKILL" in first.said
    assert still_there(everyone, 5) == []
    assert reaper.strays(run_id) == []

    async with upstream.serving(upstream.Reply(401, {"error": {"message": "Who are you?"}})) as model:
        (folder / "model key").write_text("sk-of-the-model")
        given = {"MODEL_URL": model.url, "MODEL": "their-model", "MODEL_KEY_FILE": str(folder / "model key")}
        platforms.append(second := Platform(folder, AUTH="keys", **given))
        await asyncio.to_thread(second.until, "Ctrl-C stops everything")
        assert model.seen[0][0]["authorization"] == "Bearer sk-of-the-model"
        assert f"their-model at {model.url} does not answer (" in second.said
        # The rest of the stay of this platform needs no model: the offline one answers.
        await everything_is_behind_keys_and_on_loopback(second)
        assert (await second.ask(second.key))["citations"] == answer["citations"], (
            "files, passages, scores are the same"
        )
        status, sources = await loopback.request(
            second.ports["INGESTION"], "/v1/sources", headers={"authorization": f"Bearer {second.key}"}
        )
        assert (status, sources["data"][0]["counts"]["unchanged"]) == (200, 2), "nothing was embedded again"
        everyone, run_id = second.everyone(), run_of(second)
        assert second.end(signal.SIGKILL) == -signal.SIGKILL
    assert still_there(everyone, 30) == []
    assert reaper.strays(run_id) == []
    secrets_are_in_no_log(second)

    platforms.append(third := Platform(folder, TRACING="off", MODEL_URL="off"))
    third.until("Ctrl-C stops everything")
    assert (await third.ask())["citations"] == answer["citations"]
    everyone = third.everyone()
    third.process.send_signal(signal.SIGINT)
    third.until("stopping")
    assert third.end(signal.SIGINT) == 0
    assert still_there(everyone, 5) == []


def a_second_start_is_refused(first: Platform) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "standalone"],
        cwd=first.home.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert refused.returncode == 1
    assert f"already runs on {first.home} (process {first.process.pid})" in refused.stderr


async def everything_is_behind_keys_and_on_loopback(platform: Platform) -> None:
    status, _ = await loopback.request(platform.ports["ORCHESTRATOR"], "/v1/chat/completions", QUESTION)
    assert status == 401
    status, found = await loopback.request(
        platform.ports["MLFLOW"], "/api/2.0/mlflow/experiments/get-by-name?experiment_name=fairlead"
    )
    assert status == 200, found
    status, telemetry = await loopback.request(platform.ports["MLFLOW"], "/ajax-api/3.0/mlflow/ui-telemetry")
    assert (status, telemetry["disable_ui_telemetry"]) == (200, True)
    everyone = {platform.process.pid, *descendants(platform.process.pid)}
    addresses = {address for pid in everyone for address in listening(pid)}
    assert {port for _, port in addresses} >= set(platform.ports.values())
    assert {address for address, _ in addresses} == {"0100007F"}, "127.0.0.1, as /proc writes it"


def secrets_are_in_no_log(platform: Platform) -> None:
    assert platform.home.stat().st_mode & 0o077 == 0
    written = "".join(path.read_text(errors="replace") for path in platform.home.glob("logs/*")) + platform.said
    assert "sk-of-the-model" not in written
    roles = ("postgres", "postgres-fairlead_owner", "postgres-fairlead_app", "postgres-mlflow")
    for name in (*roles, "service-key", "user-key"):
        file = platform.home / "secrets" / name
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.read_text().strip() not in written, name
    assert json.loads((platform.home / "secrets" / "keys.json").read_text())["keys"]


def listening(pid: int) -> Iterator[tuple[str, int]]:
    """Addresses, as /proc writes them, and ports that this process listens on."""
    with suppress(OSError):
        sockets = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{pid}/net", table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == ports.LISTEN and f"socket:[{words[9]}]" in sockets:
                    address, _, port = words[1].rpartition(":")
                    yield address, int(port, 16)


def run_of(platform: Platform) -> str:
    """What marks every process of this run."""
    for pid in descendants(platform.process.pid):
        for variable in Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0"):
            if variable.startswith(f"{reaper.RUN_VARIABLE}="):
                return variable.partition("=")[2]
    raise AssertionError("no process of it is marked")
