"""Several processes on one port, so that the pool uses all cores: the kernel deals connections out among them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from llm_proxy.settings import PoolSettings

WORKER = "FAIRLEAD_WORKER"
METRICS = "PROMETHEUS_MULTIPROC_DIR"
LEDGER = "FAIRLEAD_LEDGER_DIR"
# A worker that dies is started again, not more often than this.
PAUSE_S = 1.0
LOOK_S = 0.2


def spread(settings: PoolSettings) -> bool:
    """In the first process: run the workers until told to end, then True. In a worker: False, it serves."""
    if WORKER in os.environ:
        return False
    if settings.port == 0:
        raise ValueError("FAIRLEAD_WORKERS above 1 needs a port, not 0: the workers must share it")
    # Each worker writes its metrics into files there, so that any of them can answer for all.
    folder = tempfile.mkdtemp(prefix="fairlead-metrics-")
    try:
        _Workers(settings.workers, folder, settings.drain_s).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return True


class _Workers:
    def __init__(self, count: int, folder: str, drain_s: float) -> None:
        # Without another place to count together what callers use, they use this one.
        self._environment = {LEDGER: f"{folder}/ledger", **os.environ, METRICS: folder}
        self._drain_s = drain_s
        self._running = [self._start(number) for number in range(count)]
        self._ending = False

    def run(self) -> None:
        """Until SIGTERM or SIGINT, which every worker gets."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        while not self._ending:
            time.sleep(LOOK_S)
            for number, worker in enumerate(self._running):
                if worker.poll() is not None and not self._ending:
                    if worker.returncode == 2:
                        # The configuration is wrong: starting again would not help.
                        self._ending = True
                        self._pass_on(signal.SIGTERM)
                        self._wait()
                        raise SystemExit(2)
                    # Its gauges are no longer true.
                    mark_process_dead(worker.pid, self._environment[METRICS])
                    time.sleep(PAUSE_S)
                    self._running[number] = self._start(number)
        self._pass_on(signal.SIGTERM)
        self._wait()

    def _start(self, number: int) -> "subprocess.Popen[bytes]":
        # The same command line, so that its options hold for the workers too.
        return subprocess.Popen(
            [sys.executable, "-m", "llm_proxy", *sys.argv[1:]], env={**self._environment, WORKER: str(number)}
        )

    def _end(self, *_: Any) -> None:
        self._ending = True

    def _pass_on(self, number: int) -> None:
        for worker in self._running:
            if worker.poll() is None:
                worker.send_signal(number)

    def _wait(self) -> None:
        until = time.monotonic() + self._drain_s + 10
        for worker in self._running:
            try:
                worker.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
