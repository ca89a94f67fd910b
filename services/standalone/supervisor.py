"""Keeps the platform's processes: starts them, notices when one ends, and stops all of them in order."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from standalone import logs, reaper
from standalone.errors import ChildEnded
from standalone.process import Child, Command

# How often logs are measured: the fastest child writes a few megabytes in that time.
LOG_CHECK_S = 2.0


class Supervisor:
    """The running children. Leaving its context stops all of them, the highest layer first.

    `failed` is done as soon as any child ends without having been asked to. `hurry` set makes the stop immediate.
    `held` are open files that must not be closed before the last process is gone, such as the data folder's lock.
    """

    def __init__(
        self, folder: Path, log_folder: Path, environment: Mapping[str, str], held: Sequence[int] = ()
    ) -> None:
        self.hurry = asyncio.Event()
        self.failed: asyncio.Future[ChildEnded] = asyncio.get_running_loop().create_future()
        self.on_stopping: Callable[[str], None] = lambda _: None
        self._folder = folder
        self.log_folder = log_folder
        self._held = held
        self._run_id = uuid4().hex
        self._environment = dict(environment) | {reaper.RUN_VARIABLE: self._run_id}
        self._children: list[Child] = []
        self._watchers: set[asyncio.Task[None]] = set()
        self._reaper: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._reaper = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(Path(reaper.__file__)), self._run_id),
            stdin=asyncio.subprocess.PIPE,
            env={"PATH": os.defpath},
            pass_fds=self._held,
            start_new_session=True,
        )
        self._spawn(self._watch_reaper(self._reaper))
        self._spawn(self._bound_logs())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, command: Command) -> Child:
        """Start a child that is to run until the platform stops."""
        environed = replace(command, environment=self._environment | dict(command.environment))
        child = await Child.start(environed, log=self.log_folder / f"{command.name}.log", folder=self._folder)
        self._children.append(child)
        self._spawn(self._watch(child))
        await self._tell_reaper(f"+ {child.pid} {int(command.stop_signal)} {command.layer}")
        return child

    async def stop(self) -> None:
        """Stop every child, layer by layer, then the reaper. Safe to call again."""
        for layer in sorted({child.command.layer for child in self._children}, reverse=True):
            of_layer = [child for child in self._children if child.command.layer == layer]
            self.on_stopping(", ".join(child.command.name for child in of_layer))
            await asyncio.gather(*(self._stop(child) for child in of_layer))
        for task in self._watchers:
            task.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        if self._reaper is not None and self._reaper.stdin is not None:
            self._reaper.stdin.close()
            await self._reaper.wait()
            self._reaper = None

    async def _stop(self, child: Child) -> None:
        await child.stop(self.hurry)
        if child in self._children:
            self._children.remove(child)
            await self._tell_reaper(f"- {child.pid}")

    async def _watch(self, child: Child) -> None:
        await child.ended()
        if not child.stopping and not self.failed.done():
            self.failed.set_result(child.end_report())

    async def _watch_reaper(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        if not self.failed.done():
            self.failed.set_result(ChildEnded("the process that guards against leftovers was ended from outside"))

    async def _bound_logs(self) -> None:
        while True:
            await asyncio.sleep(LOG_CHECK_S)
            for child in list(self._children):
                # A full disk is reported by the child that cannot write; a log that cannot be cut is no reason to stop.
                with suppress(OSError):
                    await asyncio.to_thread(logs.bound, child.log)

    async def _tell_reaper(self, line: str) -> None:
        if self._reaper is not None and self._reaper.stdin is not None:
            with suppress(ConnectionError):  # its end is noticed by `_watch_reaper`
                self._reaper.stdin.write(line.encode() + b"\n")
                await self._reaper.stdin.drain()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._watchers.add(task)
