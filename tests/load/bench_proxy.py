"""The LLM pool beside other gateways: requests a second, latency, processor time, memory; streams; long bodies; a soak.

    make bench-proxy ARGS="--seconds 5 --gateways bare,pool,nginx"
    make bench-proxy ARGS="--soak 20m"

The gateway has one core for itself; the load and the upstream, which answers at once, share another. Processor time per
1,000 requests is what neighbours on the machine disturb least. Needs wrk (on Debian: apt install wrk).
"""

import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from gateways import ALL, Gateway, NotToBeHad, full_config, pool  # noqa: E402 - the tests' folder is no package

CONNECTIONS = (1, 16, 64)
CORES = sorted(os.sched_getaffinity(0))
GATEWAY_CORE, LOAD_CORE = CORES[0], CORES[-1]
# LiteLLM takes more than a minute on a busy core.
READY_WITHIN_S = 240.0
STREAMS = 200
BODY_KB = {"1 KB": 1, "100 KB": 100}
SAMPLE_EVERY_S = 10.0
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
REQUESTS_BEFORE_RSS = 100_000
console = Console(width=140)


@dataclass
class Running:
    """A started gateway."""

    gateway: Gateway
    process: subprocess.Popen[str]
    url: str
    ready_s: float

    def cpu_s(self) -> float:
        """Of the process and its children."""
        return sum(_cpu_s(pid) for pid in _tree(self.process.pid))

    def rss_mb(self) -> float:
        return sum(_rss_kb(pid) for pid in _tree(self.process.pid)) / 1024

    def open_files(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())


@dataclass(frozen=True)
class Load:
    """What wrk measured."""

    requests: int
    rps: float
    p50_ms: float
    p99_ms: float
    failed: int


def started(
    command: list[str], core: int, environment: dict[str, str] | None = None, *, heard: bool = False
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        env=os.environ | (environment or {}),
        stdout=subprocess.PIPE if heard else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        start_new_session=True,
    )


@contextmanager
def upstream(fails: float = 0.0) -> Generator[str]:
    port = free_port()
    process = started([sys.executable, str(HERE / "quick_upstream.py"), str(port), str(fails)], LOAD_CORE)
    try:
        wait_for(lambda: _connects(port), "the upstream")
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


@contextmanager
def running(gateway: Gateway) -> Generator[Running]:
    began = time.perf_counter()
    process = started(gateway.command, GATEWAY_CORE, dict(gateway.environment), heard=not gateway.port)
    try:
        base = f"http://127.0.0.1:{gateway.port}"
        if not gateway.port:
            assert process.stdout is not None
            told = next(line for line in process.stdout if line.startswith("http")).strip().rstrip("/")
            base = "http://127.0.0.1:" + told.rpartition(":")[2].partition("/")[0]
        url = base + gateway.path
        wait_for(lambda: ask(gateway, url) == 200, gateway.name, process)
        yield Running(gateway, process, url, time.perf_counter() - began)
    finally:
        end(process)


def end(process: "subprocess.Popen[str]") -> None:
    # Its own session, so that its children end with it.
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


def body_of(gateway: Gateway, kilobytes: int, stream: bool = False) -> str:
    text = "Which line runs through the fairlead? " * (kilobytes * 1024 // 38)
    body = {"model": gateway.model, "messages": [{"role": "user", "content": text[: kilobytes * 1024 - 100]}]}
    return json.dumps(body | ({"stream": True} if stream else {}))


def ask(gateway: Gateway, url: str) -> int:
    headers = {"content-type": "application/json", **gateway.headers}
    request = urllib.request.Request(url, body_of(gateway, 1).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def load(gateway: Gateway, url: str, connections: int, seconds: float, folder: Path, kilobytes: int = 1) -> Load:
    script = folder / "post.lua"
    headers = {"content-type": "application/json", **gateway.headers}
    lines = [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()]
    script.write_text("\n".join(['wrk.method = "POST"', f"wrk.body = [==[{body_of(gateway, kilobytes)}]==]", *lines]))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(script), "--latency", url]
    done = subprocess.run(["taskset", "-c", str(LOAD_CORE), *command], capture_output=True, text=True, check=True)
    out = done.stdout
    requests = re.search(r"(\d+) requests in ([\d.]+)(m?s|m)", out)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    assert requests is not None, out
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    return Load(
        int(requests[1]),
        float(rate[1]) if rate else 0.0,
        _ms(out, "50%"),
        _ms(out, "99%"),
        int(failed[1]) if failed else 0,
    )


def first_token_ms(gateway: Gateway, url: str) -> float:
    """Median time to the first content of a stream, one after the other over one connection."""
    port, path = int(url.split(":")[2].split("/")[0]), "/" + url.split("/", 3)[3]
    body = body_of(gateway, 1, stream=True).encode()
    more = "".join(f"{name}: {value}\r\n" for name, value in gateway.headers.items())
    more += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\n{more}\r\n"
    times: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(10)
        for _ in range(STREAMS):
            began = time.perf_counter()
            connection.sendall(head.encode() + body)
            got, first = b"", 0.0
            while not got.endswith(b"0\r\n\r\n"):
                piece = connection.recv(65536)
                if not piece:
                    return float("nan")
                got += piece
                if not first and b"The" in got:
                    first = time.perf_counter()
            times.append((first - began) * 1000)
    return statistics.median(times)


def compare(names: list[str], seconds: float, rounds: int) -> None:
    columns = (
        "gateway",
        *(f"{c}: rps  p50  p99 ms" for c in CONNECTIONS),
        "CPU s/1,000",
        "100 KB rps",
        "first token",
        "ready s",
        "RSS MB",
    )
    table = Table(*columns, title=f"median of {rounds} × {seconds:g} s; load {os.getloadavg()[0]:.1f} at the start")
    tools = Path(os.environ.get("FAIRLEAD_BENCH_TOOLS", str(HERE.parents[1] / ".tools" / "gateways")))
    with tempfile.TemporaryDirectory() as name, upstream() as url:
        folder = Path(name)
        direct = Gateway("upstream itself", [], port=int(url.rpartition(":")[2]))
        floor_ms = first_token_ms(direct, url + direct.path)
        console.print(f"the upstream itself: first token {floor_ms:.2f} ms")
        for wanted in names:
            try:
                gateway = ALL[wanted](folder, tools, free_port(), url)
                with running(gateway) as one:
                    row = measured(one, seconds, rounds, folder)
            except (NotToBeHad, RuntimeError, subprocess.CalledProcessError) as problem:
                console.print(f"{wanted}: skipped: {problem}")
                continue
            console.print(" | ".join(row))
            table.add_row(*row)
    console.print(table)


def measured(one: Running, seconds: float, rounds: int, folder: Path) -> list[str]:
    gateway = one.gateway
    load(gateway, one.url, 16, 1, folder)
    cells: list[str] = []
    requests, cpu_s, total = 0, 0.0, 0
    for connections in CONNECTIONS:
        runs: list[Load] = []
        for _ in range(rounds):
            before = one.cpu_s()
            runs.append(load(gateway, one.url, connections, seconds, folder))
            total += runs[-1].requests
            if connections == 16:
                cpu_s += one.cpu_s() - before
                requests += runs[-1].requests
        failed = sum(run.failed for run in runs)
        p50, p99 = (statistics.median(getattr(run, name) for run in runs) for name in ("p50_ms", "p99_ms"))
        rps = statistics.median(run.rps for run in runs)
        cells.append(f"{rps:,.0f}  {p50:.2f}  {p99:.2f}" + (f"  ({failed} failed)" if failed else ""))
    long = load(gateway, one.url, 16, seconds, folder, kilobytes=100)
    first_ms = first_token_ms(gateway, one.url)
    while gateway.name.startswith("pool, everything") and total < REQUESTS_BEFORE_RSS:
        total += load(gateway, one.url, 64, 10, folder).requests
    per_thousand = cpu_s / requests * 1000 if requests else 0.0
    failed = f" ({long.failed} failed)" if long.failed else ""
    ends = [f"{per_thousand:.3f}", f"{long.rps:,.0f}{failed}", f"{first_ms:.2f}", f"{one.ready_s:.2f}"]
    return [gateway.name, *cells, *ends, f"{one.rss_mb():.0f}"]


def soak(minutes: float) -> None:
    """The pool in front of one upstream that fails at every fifth call in five ways, and one that is well."""
    with tempfile.TemporaryDirectory() as name, upstream(0.2) as failing, upstream() as well:
        folder = Path(name)
        gateway = pool(folder, folder, free_port(), well)
        Path(gateway.command[gateway.command.index("--config") + 1]).write_text(json.dumps(full_config(failing, well)))
        with running(gateway) as one:
            until = time.monotonic() + minutes * 60
            console.print("minute  requests  failed  RSS MB  open files")
            total = failed = 0
            while time.monotonic() < until:
                run = load(gateway, one.url, 16, SAMPLE_EVERY_S, folder)
                total, failed = total + run.requests, failed + run.failed
                minute = minutes - (until - time.monotonic()) / 60
                console.print(f"{minute:6.1f}  {total:8}  {failed:6}  {one.rss_mb():6.1f}  {one.open_files():5}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(happens: Callable[[], bool], what: str, process: "subprocess.Popen[str] | None" = None) -> None:
    until = time.monotonic() + READY_WITHIN_S
    while not happens():
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what} ended by itself with exit code {process.returncode}")
        if time.monotonic() > until:
            raise RuntimeError(f"{what} did not answer within {READY_WITHIN_S:.0f} s")
        time.sleep(0.01)


def _connects(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _ms(out: str, mark: str) -> float:
    found = re.search(rf"{mark}\s+([\d.]+)(us|ms|s|m)", out)
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}[found[2]] if found else 0.0


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(each for child in children for each in _tree(int(child)))]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def _rss_kb(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


def main(
    seconds: Annotated[float, typer.Option(help="Length of one measurement.")] = 4.0,
    rounds: Annotated[int, typer.Option(help="Measurements of each; the median counts.")] = 3,
    gateways: Annotated[str, typer.Option(help="Which, by their names.")] = ",".join(ALL),
    soak_for: Annotated[str, typer.Option("--soak", help="Instead: a soak of the pool, such as 20m.")] = "",
) -> None:
    """Measure, print the table."""
    if shutil.which("wrk") is None:
        sys.exit("bench-proxy needs wrk (on Debian: apt install wrk)")
    if soak_for:
        soak(float(soak_for.removesuffix("m")))
    else:
        compare(gateways.split(","), seconds, rounds)


if __name__ == "__main__":
    typer.run(main)
