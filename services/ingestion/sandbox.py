"""Runs the preparation of each file in a process of its own, with limits on memory, processor and wall time.

Parsers of untrusted files crash, loop and swallow memory; here that costs one file. A process is forked for each from
a server (multiprocessing's forkserver) that has the parsers loaded, so that isolation costs milliseconds.
"""

import asyncio
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import TypeVar

import msgspec

from ingestion.failures import FileFailure, Reason
from ingestion.prepare import Failure, Prepared, Request, prepare, single_threaded
from ingestion.tokens import Tokens

# Beyond the wall limit the process ends itself; if even that fails it is killed after this much more.
GRACE_S = 2.0
WARM_UP_S = 60.0
# What a process may write, temporary files included: extraction has nothing to write.
WRITABLE_BYTES = 0
_EXIT_OUT_OF_MEMORY = 77

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """What one file may cost."""

    memory_bytes: int
    cpu_s: int
    wall_s: float


class Sandbox:
    """Processes for files, at most as many at a time as callers ask for."""

    def __init__(self) -> None:
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["ingestion.preload"])
        # multiprocessing looks after all its processes whenever it starts one, and two threads at that take each
        # other's exit codes away: one thread does it all.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox")

    async def warm_up(self) -> None:
        """Start the server and load the parsers, so that the first file does not wait for it."""
        process = self._context.Process(target=_nothing, daemon=True)
        await self._on_thread(process.start)
        await self._ended(process, asyncio.get_running_loop().time() + WARM_UP_S)

    async def prepare(self, request: Request, limits: Limits) -> Prepared:
        """The passages of a file; raises FileFailure, also when the process was too slow, too large or crashed."""
        receiver, sender = self._context.Pipe(duplex=False)
        encoded = msgspec.msgpack.encode(request)
        process = self._context.Process(target=_run, args=(sender, encoded, limits), daemon=True)
        deadline = asyncio.get_running_loop().time() + limits.wall_s + GRACE_S
        try:
            await self._on_thread(process.start)
            sender.close()
            answer = await _received(receiver, deadline)
            await self._ended(process, deadline)
            exit_code = await self._on_thread(lambda: process.exitcode)
        finally:
            receiver.close()
            await asyncio.shield(self._on_thread(lambda: _end(process)))
        return _outcome(answer, exit_code, limits)

    async def _ended(self, process: ForkServerProcess, deadline: float) -> None:
        await _readable(process.sentinel, deadline)
        await self._on_thread(lambda: process.join(0.5))

    async def _on_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _outcome(answer: bytes | None, exit_code: int | None, limits: Limits) -> Prepared:
    """What the process said, or what its end says about it."""
    if answer:
        # Decoded by type, never unpickled: a parser that was taken over can send nothing but data.
        said = msgspec.msgpack.decode(answer, type=dict[str, msgspec.Raw])
        if "prepared" in said:
            return msgspec.msgpack.decode(said["prepared"], type=Prepared)
        failure = msgspec.msgpack.decode(said["failure"], type=Failure)
        raise FileFailure(failure.reason, failure.message)
    if exit_code == _EXIT_OUT_OF_MEMORY:
        limit = f"{limits.memory_bytes // (1024 * 1024)} MiB"
        raise FileFailure(Reason.OUT_OF_MEMORY, f"Reading the file took more than {limit} of memory.")
    if exit_code in {-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL, None}:
        raise FileFailure(Reason.TIMEOUT, f"Reading the file took longer than {limits.wall_s:.0f} seconds.")
    raise FileFailure(Reason.CRASHED, "The file made its reader crash; it is probably damaged.")


async def _received(receiver: Connection, deadline: float) -> bytes | None:
    """The process's message; None when it ended or ran out of time without one."""
    loop = asyncio.get_running_loop()
    if not await _readable(receiver.fileno(), deadline):
        return None
    # uvloop's `add_reader` left it non-blocking: a message larger than one read would be taken for none.
    os.set_blocking(receiver.fileno(), True)
    try:
        # Blocks only while a message that has begun arrives; the process cannot outlive its alarm.
        return await loop.run_in_executor(None, receiver.recv_bytes)
    except (EOFError, OSError):
        return None


def _end(process: ForkServerProcess) -> None:
    if process.pid is not None:
        process.kill()
        process.join(GRACE_S)
        process.close()


async def _readable(descriptor: int, deadline: float) -> bool:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(descriptor, lambda: ready.done() or ready.set_result(None))
    try:
        async with asyncio.timeout_at(deadline):
            await ready
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(descriptor)
    return True


# -- what follows runs in the forked process


def _nothing() -> None:
    """Only to make the server start and import this module."""


def _run(sender: Connection, encoded: bytes, limits: Limits) -> None:
    request = msgspec.msgpack.decode(encoded, type=Request)
    tokens = tokens_of(request.tokenizer)
    confine(limits)
    try:
        message = {"prepared": prepare(request, tokens)}
    except FileFailure as failure:
        message = {"failure": Failure(failure.reason, failure.message)}
    except (MemoryError, RecursionError):
        os._exit(_EXIT_OUT_OF_MEMORY)
    sender.send_bytes(msgspec.msgpack.encode(message))
    sender.close()


@lru_cache(maxsize=1)
def tokens_of(tokenizer: str) -> Tokens:
    """The tokenizer of a file, loaded once in a process."""
    return Tokens(Path(tokenizer))


def confine(limits: Limits) -> None:
    """Bind this process to its limits; the kernel enforces them even when the worker that started it is dead."""
    # The address space already mapped (libraries, the heap of the server) does not count against the file.
    mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    _limit(resource.RLIMIT_AS, mapped + limits.memory_bytes)
    _limit(resource.RLIMIT_CPU, limits.cpu_s)
    _limit(resource.RLIMIT_FSIZE, WRITABLE_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_s)
    # The service's secrets are in the environment; a parser needs none of it.
    os.environ.clear()
    single_threaded()


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (allowed, allowed))
