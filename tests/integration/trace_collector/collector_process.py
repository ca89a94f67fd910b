"""The collector as a process, with configuration files of ours and ports of its own."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2 as httpx
import pytest

from conftest import free_port
from standalone import loopback, observers

CONFIG = Path(__file__).parents[3] / "charts" / "trace-collector" / "config"
READY_S = 60
needs_collector = pytest.mark.skipif(shutil.which("otelcol") is None, reason="needs otelcol (contrib) on PATH")


@dataclass
class Collector:
    """A running one."""

    process: "subprocess.Popen[bytes]"
    ports: Mapping[str, int]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['PORT']}"

    @property
    def promoted_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['PROMOTED_PORT']}"

    async def metrics(self) -> dict[str, float]:
        """What it says of itself, by series."""
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"http://127.0.0.1:{self.ports['METRICS_PORT']}/metrics")).text
        rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {series: float(value) for series, _, value in rows}

    async def until(self, series: str, least: float) -> float:
        """Wait until the sum of the series that begin so is at least that."""
        async with asyncio.timeout(READY_S):
            while True:
                found = sum(value for name, value in (await self.metrics()).items() if name.startswith(series))
                if found >= least:
                    return found
                await asyncio.sleep(0.1)


def command(files: Sequence[str | Path]) -> list[str]:
    """The collector with these files: names of ours, or paths."""
    paths = [CONFIG / f"{file}.yaml" if isinstance(file, str) else file for file in files]
    gates = f"--feature-gates={','.join(observers.FEATURE_GATES)}"
    return ["otelcol", *(f"--config={path}" for path in paths), gates]


def free_ports() -> dict[str, int]:
    """Ports for one collector, by their variables."""
    names = ("PORT", "GRPC_PORT", "PROMOTED_PORT", "METRICS_PORT", "SPANMETRICS_PORT", "HEALTH_PORT")
    return {name: free_port() for name in names}


@asynccontextmanager
async def running(
    folder: Path,
    files: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    *,
    kill: bool = False,
    ports: Mapping[str, int] | None = None,
) -> AsyncIterator[Collector]:
    """A collector that is ready; its queue is in `folder`. It ends in order, or with `kill` at once."""
    ports = ports or free_ports()
    told = {f"FAIRLEAD_COLLECTOR_{name}": str(port) for name, port in ports.items()}
    told |= {
        "FAIRLEAD_COLLECTOR_DATA": str(folder / "queue"),
        "FAIRLEAD_TRACES_WAIT": "3s",
        "FAIRLEAD_TRACES_WAIT_AFTER_ROOT": "1s",
        **(environment or {}),
    }
    log = folder / "collector.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(command(files), env=os.environ | told, stdout=stream, stderr=stream)
    try:
        async with asyncio.timeout(READY_S):
            while not await loopback.answers(ports["HEALTH_PORT"], "/"):
                assert process.poll() is None, log.read_text()
                await asyncio.sleep(0.05)
        yield Collector(process, ports, log)
    finally:
        if process.poll() is None:
            process.kill() if kill else process.terminate()
        await asyncio.to_thread(process.wait, READY_S)
