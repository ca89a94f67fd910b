"""Sentences per second of local-models and of its bare encoder beside torch; latency of a query and of a rerank.

    make bench-embeddings ARGS="--rounds 5"

The same texts go in turn through the service over HTTP, the bare encoder, and sentence-transformers on torch, which uv
installs into an environment of its own (several GB, once; `--no-torch` leaves it out). All use the same cores.
"""

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import httpx2 as httpx
import typer
from rich.console import Console
from rich.table import Table

from evaluation.platform import free_port
from local_models.cores import usable_cores
from local_models.models import EMBEDDING_MODEL, Models

ROOT = Path(__file__).parents[2]
TEXTS = ROOT / "tests" / "data" / "minilm_reference" / "texts.json"
REFERENCE = Path(__file__).parent / "reference_encoder.py"
READY_S = 60
QUERY = "How do I tie a boat to a ring on the quay?"
DOCUMENTS = 20
# About 90 tokens, as the samples' passages have on average, and about 180.
PASSAGE_WORDS = (60, 120)
CALLS = 25
console = Console()


@dataclass
class Timed:
    """Seconds of each round, on the clock and of the processor."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, wall: float, cpu: float) -> None:
        self.wall.append(wall)
        self.cpu.append(cpu)


def cpu_seconds(pid: int) -> float:
    """What a process has used so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(cores: int) -> Generator[tuple[httpx.Client, int]]:
    """The service on so many cores: a client, and the process id."""
    port = free_port()
    environment = {"FAIRLEAD_PORT": str(port), "FAIRLEAD_AUTH": "none", "FAIRLEAD_CORES": str(cores)}
    process = subprocess.Popen(
        [sys.executable, "-m", "local_models"], env=os.environ | environment, stdout=subprocess.DEVNULL
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
            until = time.monotonic() + READY_S
            while not _ready(client):
                if time.monotonic() > until or process.poll() is not None:
                    raise SystemExit("local-models did not start")
                time.sleep(0.1)
            yield client, process.pid
    finally:
        process.terminate()
        process.wait()


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def torch_reference(cores: int) -> Generator[tuple[Callable[[Sequence[str]], list[float]], str]]:
    """The reference as a process: a call that embeds, and its version."""
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv" / "bin" / "uv")
    process = subprocess.Popen(
        [uv, "run", "--script", str(REFERENCE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    sent, answers = process.stdin, process.stdout

    def call(message: Any) -> Any:
        sent.write(json.dumps(message) + "\n")
        sent.flush()
        line = answers.readline()
        if not line:
            raise SystemExit("the torch reference ended; what uv or torch says above is the reason")
        return json.loads(line)

    try:
        yield call, f"torch {call(cores)['torch']}"
    finally:
        sent.close()
        process.wait()


def post(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return client.post(f"/v1/{path}", json={"model": EMBEDDING_MODEL, **body}).raise_for_status().json()


async def throughput(texts: list[str], rounds: int, cores: int, *, torch: bool) -> None:
    """All ways in turn, so that whatever else the machine does falls on each of them alike."""
    service, bare, reference = Timed(), Timed(), Timed()
    models = Models.load(cores)

    async def encode() -> None:
        await models.embed(await models.ids(texts), lambda vector: vector, "batch")

    def one_round(client: httpx.Client, pid: int) -> None:
        began, began_cpu = time.perf_counter(), cpu_seconds(pid)
        post(client, "embeddings", {"input": texts, "encoding_format": "base64"})
        service.add(time.perf_counter() - began, cpu_seconds(pid) - began_cpu)

    with served(cores) as (client, pid):
        await encode()
        one_round(client, pid)
        service = Timed()

        async def rounds_of(embed: Callable[[Sequence[str]], list[float]] | None) -> None:
            for _ in range(rounds):
                one_round(client, pid)
                began, began_cpu = time.perf_counter(), time.process_time()
                await encode()
                bare.add(time.perf_counter() - began, time.process_time() - began_cpu)
                if embed is not None:
                    reference.add(*embed(texts))

        name = ""
        if torch:
            with torch_reference(cores) as (embed, name):
                embed(texts)
                await rounds_of(embed)
        else:
            await rounds_of(None)
    models.close()
    table = Table("", "sentences/s", "CPU ms per sentence", title=f"{len(texts)} texts, {cores} cores, {rounds} rounds")
    for label, timed in (("service over HTTP", service), ("bare encoder", bare), (name, reference)):
        if timed.wall:
            cost = f"{1000 * median(timed.cpu) / len(texts):.2f}"
            table.add_row(label, f"{len(texts) / median(timed.wall):.0f}", cost)
    console.print(table)
    if reference.wall:
        ratios = [other / own for other, own in zip(reference.wall, service.wall, strict=True)]
        console.print(f"the service is {median(ratios):.2f} times as quick as torch (median of the rounds)")


def latency() -> None:
    """One caller, one core."""
    words = [word for word in " ".join(json.loads(TEXTS.read_text(encoding="utf-8"))).split() if word.isascii()]
    shuffled = random.Random(1)
    table = Table("one core", "p50 ms", "CPU ms")

    def row(label: str, call: Callable[[int], object], pid: int) -> None:
        call(-1)
        took: list[float] = []
        began_cpu = cpu_seconds(pid)
        for number in range(CALLS):
            began = time.perf_counter()
            call(number)
            took.append(time.perf_counter() - began)
        cost = (cpu_seconds(pid) - began_cpu) / CALLS
        table.add_row(label, f"{1000 * median(took):.1f}", f"{1000 * cost:.1f}")

    with served(cores=1) as (client, pid):
        os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})
        row("embed a short query", lambda n: post(client, "embeddings", {"input": f"{QUERY} {n}"}), pid)
        for count in PASSAGE_WORDS:

            def passages(count: int = count) -> list[str]:
                return [" ".join(shuffled.choices(words, k=count)) for _ in range(DOCUMENTS)]

            body = {"query": QUERY, "documents": passages()}
            used = post(client, "rerank", body)["usage"]["total_tokens"] // DOCUMENTS
            row(
                f"rerank {DOCUMENTS} new passages of {used} tokens",
                lambda _, new=passages: post(client, "rerank", {"query": QUERY, "documents": new()}),
                pid,
            )
            row(f"… {DOCUMENTS} passages seen before", lambda _, body=body: post(client, "rerank", body), pid)
    console.print(table)


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each")] = 5,
    torch: Annotated[bool, typer.Option(help="Compare with the torch reference")] = True,
) -> None:
    """Run the benchmark."""
    latency()
    texts = json.loads(TEXTS.read_text(encoding="utf-8"))
    asyncio.run(throughput(texts, rounds, usable_cores(), torch=torch))


if __name__ == "__main__":
    typer.run(main)
