"""What callers and the count of spans notice of a trace store that hangs for minutes under load."""

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from standalone.settings import StandaloneSettings

ROOT = Path(__file__).parents[2]
QUESTIONS = ("Which knot makes a fixed loop?", "How is a rope cared for?", "What does a berth cost?")
DRAIN_S = 1200
ANSWER_S = 60
CALM_MINUTES = 3


@dataclass
class Phase:
    """Answers that were asked for in one part of the run."""

    name: str
    seconds: list[float] = field(default_factory=list[float])
    failed: int = 0
    traces: list[str] = field(default_factory=list[str])


def main() -> None:
    """Ask at a steady rate before, during and after the outage; exits with 1 where a span is missing uncounted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long the trace store is away")
    parser.add_argument("--rate", type=float, default=2, help="questions a second")
    parser.add_argument("--calm", type=float, default=CALM_MINUTES, help="minutes before and after")
    arguments = parser.parse_args()
    sys.exit(asyncio.run(measured(arguments.minutes, arguments.rate, arguments.calm)))


async def measured(minutes: float, rate: float, calm: float) -> int:
    """The whole run."""
    print(f"load average at the begin: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    async with platform() as (ports, process), aiohttp.ClientSession(trust_env=False) as session:
        store = next(pid for pid in descendants(process.pid) if "standalone.mlflow_server" in command(pid))
        url = f"http://127.0.0.1:{ports['ORCHESTRATOR_PORT']}/v1/chat/completions"
        await asked(session, url, Phase("warm-up"), 20, rate)
        phases = [Phase("before"), Phase("outage"), Phase("after")]
        await asked(session, url, phases[0], calm * 60, rate)
        os.kill(store, signal.SIGSTOP)
        try:
            await asked(session, url, phases[1], minutes * 60, rate)
            queued = await queue(session, ports)
        finally:
            os.kill(store, signal.SIGCONT)
        came_back = time.monotonic()
        await asked(session, url, phases[2], calm * 60, rate)
        while await queue(session, ports) > 0 and time.monotonic() - came_back < DRAIN_S:
            await asyncio.sleep(1)
        drained_s = time.monotonic() - came_back
        show(phases, queued, drained_s)
        return await reconciled(session, ports, phases)


async def asked(session: aiohttp.ClientSession, url: str, phase: Phase, seconds: float, rate: float) -> None:
    """Questions at random moments (Poisson), whether or not the ones before are answered."""
    end = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        while time.monotonic() < end:
            group.create_task(answer(session, url, phase))
            await asyncio.sleep(random.expovariate(rate))


async def answer(session: aiohttp.ClientSession, url: str, phase: Phase) -> None:
    """One question."""
    body = {"messages": [{"role": "user", "content": random.choice(QUESTIONS)}]}
    began = time.monotonic()
    try:
        async with asyncio.timeout(ANSWER_S), session.post(url, json=body) as response:
            given = await response.json()
    except (TimeoutError, aiohttp.ClientError):
        phase.failed += 1
        return
    if response.status != 200:
        phase.failed += 1
        return
    phase.seconds.append(time.monotonic() - began)
    phase.traces.append(given["trace_id"])


async def queue(session: aiohttp.ClientSession, ports: dict[str, int]) -> float:
    """Spans that wait for the trace store in the collector."""
    async with session.get(f"http://127.0.0.1:{ports['COLLECTOR_METRICS_PORT']}/metrics") as response:
        text = await response.text()
    lines = (line for line in text.splitlines() if line.startswith("otelcol_exporter_queue_size{") and "mlflow" in line)
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def show(phases: list[Phase], queued: float, drained_s: float) -> None:
    """What callers noticed."""
    print(f"\n{'phase':<8} {'answers':>8} {'failed':>7} {'p50 ms':>8} {'p95 ms':>8} {'p99 ms':>8}   p99 by chance")
    for phase in phases:
        figures = "".join(f" {percentile(phase.seconds, percent):>8.0f}" for percent in (50, 95, 99))
        low, high = interval(phase.seconds)
        print(f"{phase.name:<8} {len(phase.seconds):>8} {phase.failed:>7}{figures}   {low:.0f} to {high:.0f}")
    print(f"\nqueued at the end of the outage: {queued:,.0f} spans; empty {drained_s:.0f} s after it", flush=True)


def percentile(seconds: list[float], percent: float) -> float:
    """In milliseconds."""
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else float("nan")


def interval(seconds: list[float]) -> tuple[float, float]:
    """Where the 99th percentile lies with 95 % confidence, by drawing the sample again from itself."""
    drawn = sorted(percentile(random.choices(seconds, k=len(seconds)), 99) for _ in range(1000))
    return drawn[25], drawn[975]


async def reconciled(session: aiohttp.ClientSession, ports: dict[str, int], phases: list[Phase]) -> int:
    """The count at every hop, and every single answer looked for in the store."""
    where = [f"--prometheus=http://127.0.0.1:{ports['PROMETHEUS_PORT']}"]
    where.append(f"--mlflow=http://127.0.0.1:{ports['MLFLOW_PORT']}")
    reconcile = [sys.executable, "-m", "observability", "reconcile", *where]
    for format in ((), ("--json",)):
        process = await asyncio.create_subprocess_exec(*reconcile, *format, stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        if not format:
            print(f"\n{said.decode()}", flush=True)
    report: dict[str, Any] = json.loads(said)
    produced = sum(hop["came"] for hop in report["hops"] if hop["hop"].endswith(" ended"))
    dropped = sum(n for hop in report["hops"] for place, n in hop["went"].items() if place.startswith("dropped"))
    stored = next(hop["went"]["sent"] for hop in report["hops"] if hop["hop"].endswith("mlflow"))
    print(f"spans: produced {produced:.0f} - stored {stored:.0f} - counted drops {dropped:.0f}", end="")
    print(f" = {produced - stored - dropped:.0f}")
    absent = [trace for phase in phases for trace in phase.traces if not await is_stored(session, ports, trace)]
    answers = sum(len(phase.traces) for phase in phases)
    print(f"answers looked for in MLflow one by one: {answers}, absent: {len(absent)}")
    return int(process.returncode != 0 or bool(absent) or produced != stored + dropped)


async def is_stored(session: aiohttp.ClientSession, ports: dict[str, int], trace: str) -> bool:
    """Whether MLflow has it."""
    address = f"http://127.0.0.1:{ports['MLFLOW_PORT']}/api/3.0/mlflow/traces/tr-{trace}"
    async with session.get(address) as response:
        return response.status == 200


@asynccontextmanager
async def platform() -> AsyncIterator[tuple[dict[str, int], "subprocess.Popen[str]"]]:
    """`make run OBSERVE=full` on free ports, ready; every trace is kept."""
    ports = {name: free_port() for name in StandaloneSettings.model_validate({"observe": "full"}).ports()}
    with tempfile.TemporaryDirectory(prefix="fairlead-outage-") as folder:
        settings = {"FAIRLEAD_DATA": f"{folder}/data", "OBSERVE": "full", "FAIRLEAD_TRACES_KEPT_PERCENT": "100"}
        environment = os.environ | settings | {name: str(port) for name, port in ports.items()}
        command = [sys.executable, "-m", "standalone"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if "Ctrl-C stops everything" in line:
                    break
            else:
                sys.exit(f"the platform did not start:\n{said}")
            yield ports, process
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def descendants(pid: int) -> Iterator[int]:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from descendants(int(child))


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


if __name__ == "__main__":
    main()
