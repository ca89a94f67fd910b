"""What ended a run is told by its cause, not by what the start noticed first."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from standalone import platform_run
from standalone.errors import ChildEnded, StartRefused


async def failing(error: BaseException) -> "asyncio.Task[None]":
    async def start() -> None:
        async with asyncio.TaskGroup():
            raise error

    task = asyncio.create_task(start())
    await asyncio.wait((task,))
    return task


def supervisor() -> Any:
    return SimpleNamespace(failed=asyncio.get_running_loop().create_future(), log_folder=Path("/logs"))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform_run, "NOTICED_S", 0.05)


async def test_a_part_that_died_is_named_though_its_start_saw_a_broken_connection_first() -> None:
    running = supervisor()
    starting = await failing(ConnectionResetError("reset by peer"))
    asyncio.get_running_loop().call_soon(running.failed.set_result, ChildEnded("mlflow was ended by signal SIGKILL"))
    assert str(await platform_run.cause(starting, running)) == "mlflow was ended by signal SIGKILL"


@pytest.mark.parametrize("error", [ConnectionResetError("reset by peer"), psycopg.OperationalError("reset by peer")])
async def test_a_broken_connection_alone_is_a_sentence(error: Exception) -> None:
    said = str(await platform_run.cause(await failing(error), supervisor()))
    assert said == "the start was broken off: reset by peer (logs: /logs)"


async def test_a_sentence_of_the_start_is_kept() -> None:
    said = await platform_run.cause(await failing(StartRefused("the disk is full")), supervisor())
    assert str(said) == "the disk is full"


async def test_a_defect_is_not_hidden() -> None:
    with pytest.raises(ExceptionGroup):
        await platform_run.cause(await failing(ZeroDivisionError()), supervisor())
