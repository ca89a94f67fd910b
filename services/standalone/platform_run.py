"""One run of the platform, from the checks before it to the last process ended."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from common import key_file
from standalone import config_files, observers, ports, welcome
from standalone.components import Components
from standalone.data_folder import Home, write_failure
from standalone.display import Display
from standalone.documents import Found
from standalone.errors import ChildEnded, StartRefused
from standalone.settings import StandaloneSettings
from standalone.start_up import StartUp
from standalone.supervisor import Supervisor

STOP_TIMEOUT_S = 90.0
# make and a terminal may both hand on one Ctrl-C; a person's second one comes later than this.
SAME_KEYPRESS_S = 0.5
NOTICED_S = 0.5
FAILED = 1


async def run(settings: StandaloneSettings, home: Home, folder: Path) -> int:
    """Run until somebody stops it (0) or a part fails (1); StartRefused when it cannot start here."""
    display = Display()
    home.prepare()
    with home.locked() as lock:
        ports.require_free(settings.ports())
        if settings.observe == "full":
            observers.require_installed()
        try:
            config_files.prepare(home.config, settings)
            prepare_keys(home, settings)
            if settings.wal_archive is not None:
                settings.wal_archive.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StartRefused(write_failure(home.path, error)) from error
        components = Components(settings, home, folder)
        display.line(f"Fairlead · data in {home.path}")
        return await _supervised(components, display, lock)


async def _supervised(components: Components, display: Display, lock: int) -> int:
    stop = asyncio.Event()
    async with Supervisor(components.folder, components.home.logs, components.environment(), held=[lock]) as supervisor:
        supervisor.on_stopping = lambda names: display.line(f"  stopping {names}", style="dim")
        _listen(stop, supervisor.hurry)
        began = time.monotonic()

        def usable(found: Found, traces_ready: bool) -> None:
            welcome.show(display, components, found, time.monotonic() - began, traces_ready=traces_ready)

        starting = asyncio.create_task(StartUp(components, supervisor, display, usable).run())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((starting, stopped, supervisor.failed), return_when=asyncio.FIRST_COMPLETED)
            if starting.done() and not starting.exception():
                await asyncio.wait((stopped, supervisor.failed), return_when=asyncio.FIRST_COMPLETED)
            failure = None if stop.is_set() else await cause(starting, supervisor)
        finally:
            starting.cancel()
            stopped.cancel()
            await asyncio.gather(starting, stopped, return_exceptions=True)
            display.clear()
        if stop.is_set():
            display.line()  # a terminal has put ^C at the begin of the line
        if failure is not None:
            display.line(f"\n{failure}\n", style="red")
    display.line("  stopped" if failure is None else "  everything else is stopped")
    return 0 if failure is None else FAILED


async def cause(starting: "asyncio.Task[None]", supervisor: Supervisor) -> BaseException:
    """What ended the run: the part that ended by itself, else what its start met with."""
    # A start that loses a part sees a broken connection first; that the part is dead is noticed a moment later.
    await asyncio.wait((supervisor.failed,), timeout=NOTICED_S)
    if supervisor.failed.done():
        return supervisor.failed.result()
    error = starting.exception() if starting.done() else None
    leaves = list(_leaves(error))
    for leaf in leaves:
        if isinstance(leaf, ChildEnded | StartRefused):
            return leaf
    for leaf in leaves:
        if isinstance(leaf, OSError | psycopg.Error):
            return StartRefused(f"the start was broken off: {str(leaf).strip()} (logs: {supervisor.log_folder})")
    if error is not None:
        raise error
    return ChildEnded("the platform ended without a reason")


def _leaves(error: BaseException | None) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    elif error is not None:
        yield error


def _listen(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    """The first signal stops in order, one after that at once."""
    loop = asyncio.get_running_loop()
    first: list[float] = []

    def asked() -> None:
        first.append(time.monotonic())
        if first[-1] - first[0] > SAME_KEYPRESS_S:
            hurry.set()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, asked)


def prepare_keys(home: Home, settings: StandaloneSettings) -> None:
    """The key by which the services call each other and, with AUTH=keys, one to sign in with."""
    names = ["service-key"] + (["user-key"] if settings.auth == "keys" else [])
    for name in names:
        if not (home.secrets / name).exists():
            key, _ = key_file.create(home.secrets / "keys.json", name=name)
            home.secret(name, key)


def stop(home: Home) -> None:
    """End the start that runs on this folder and wait until nothing of it is left."""
    if not home.is_locked():
        return
    supervisor = home.supervisor()
    if supervisor is not None:
        os.kill(supervisor, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while home.is_locked():
        if time.monotonic() > deadline:
            raise StartRefused(
                f"process {supervisor} does not end: see {home.logs}, or end it with `kill -9 {supervisor}`"
            )
        time.sleep(0.1)
