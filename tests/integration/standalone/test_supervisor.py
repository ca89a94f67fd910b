"""Whatever ends first, child or supervisor, nothing of the platform stays behind, and what failed is named."""

import asyncio
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from standalone.errors import ChildEnded
from standalone.process import Command
from standalone.supervisor import Supervisor

# Starts a helper in a session of its own, as a careless server would, and tells both process ids.
WITH_HELPER = """
import subprocess, sys, pathlib, signal, time
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session={session})
pathlib.Path({file!r}).write_text(str(helper.pid))
print("up", flush=True)
time.sleep(600)
"""
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
NOTES_ITS_END = """
import pathlib, signal, sys, time
def end(*_):
    with open({file!r}, "a") as notes:
        notes.write({name!r} + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(600)
"""


def python(name: str, code: str, **options: object) -> Command:
    return Command(name, [sys.executable, "-c", code], **options)  # type: ignore[arg-type]


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    async with Supervisor(tmp_path, tmp_path, os.environ) as supervisor:
        yield supervisor


async def up(log: Path) -> None:
    """Until the child has said so."""
    async with asyncio.timeout(20):
        while not log.exists() or "up" not in log.read_text():
            await asyncio.sleep(0.02)


def gone(pidfd: int) -> bool:
    """Whether the process ends within seconds."""
    try:
        return bool(select.select([pidfd], [], [], 20)[0])
    finally:
        os.close(pidfd)


async def test_a_child_that_crashes_is_named_with_its_last_words(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start(python("steady", "import time; time.sleep(600)"))
    await supervisor.start(python("fragile", "import sys; print('it rained'); sys.exit(3)"))
    ended = await asyncio.wait_for(supervisor.failed, 20)
    assert "fragile ended by itself (exit code 3)" in str(ended)
    assert "it rained" in str(ended)


async def test_a_child_that_was_killed_is_named_with_the_signal(supervisor: Supervisor) -> None:
    child = await supervisor.start(python("victim", "import time; time.sleep(600)"))
    os.kill(child.pid, signal.SIGKILL)
    assert "victim was ended by signal SIGKILL" in str(await asyncio.wait_for(supervisor.failed, 20))


async def test_stopping_ends_helpers_of_children_too(supervisor: Supervisor, tmp_path: Path) -> None:
    file = tmp_path / "helper"
    await supervisor.start(python("parent", WITH_HELPER.format(file=str(file), session=False)))
    await up(tmp_path / "parent.log")
    helper = os.pidfd_open(int(file.read_text()))
    await supervisor.stop()
    assert gone(helper)
    assert not supervisor.failed.done(), "an end that was asked for is no failure"


async def test_layers_end_from_the_top(supervisor: Supervisor, tmp_path: Path) -> None:
    file = tmp_path / "order"
    for name, layer in (("database", 0), ("model", 1), ("pool", 2), ("answers", 3)):
        await supervisor.start(python(name, NOTES_ITS_END.format(file=str(file), name=name), layer=layer))
        await up(tmp_path / f"{name}.log")
    await supervisor.stop()
    assert file.read_text().split() == ["answers", "pool", "model", "database"]


async def test_in_a_hurry_nobody_is_waited_for(supervisor: Supervisor, tmp_path: Path) -> None:
    child = await supervisor.start(python("stubborn", STUBBORN, stop_timeout_s=600.0))
    await up(tmp_path / "stubborn.log")
    stopping = asyncio.create_task(supervisor.stop())
    supervisor.hurry.set()
    await asyncio.wait_for(stopping, 20)
    assert not child.running


async def test_a_child_that_never_gets_ready_is_reported(supervisor: Supervisor) -> None:
    child = await supervisor.start(python("slow", "import time; time.sleep(600)"))

    async def never() -> bool:
        return False

    with pytest.raises(ChildEnded, match="slow was not ready after 0 s"):
        await child.ready(never, 0.2)


async def test_a_full_disk_is_named_as_the_reason(supervisor: Supervisor) -> None:
    await supervisor.start(python("writer", "import sys; sys.exit('OSError: [Errno 28] No space left on device')"))
    assert "the disk is full" in str(await asyncio.wait_for(supervisor.failed, 20))


async def test_a_disk_without_room_for_the_log_is_named_too(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    await supervisor.start(python("silent", "import sys; sys.exit(1)"))
    assert "the disk is full" in str(await asyncio.wait_for(supervisor.failed, 20))


async def test_a_port_that_was_taken_meanwhile_is_named_as_the_reason(supervisor: Supervisor) -> None:
    await supervisor.start(python("late", "import sys; sys.exit('[Errno 98] address already in use')"))
    assert "another program took its port" in str(await asyncio.wait_for(supervisor.failed, 20))


@pytest.mark.parametrize("session", [False, True], ids=["in its group", "in a session of its own"])
def test_nothing_stays_when_the_supervisor_itself_is_killed(tmp_path: Path, session: bool) -> None:
    helper = tmp_path / "helper"
    script = tmp_path / "supervise.py"
    child = WITH_HELPER.format(file=str(helper), session=session)
    script.write_text(
        "import asyncio, os, sys\nfrom pathlib import Path\n"
        "from standalone.process import Command\nfrom standalone.supervisor import Supervisor\n"
        "async def main():\n"
        f"    folder = Path({str(tmp_path)!r})\n"
        "    async with Supervisor(folder, folder, os.environ) as supervisor:\n"
        f"        child = await supervisor.start(Command('child', [sys.executable, '-c', {child!r}]))\n"
        "        while 'up' not in child.log.read_text():\n            await asyncio.sleep(0.02)\n"
        "        print(child.pid, flush=True)\n        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(process.stdout.readline()), int(helper.read_text())]
        watched = [os.pidfd_open(pid) for pid in pids]
        process.kill()
    assert all(gone(pidfd) for pidfd in watched)
