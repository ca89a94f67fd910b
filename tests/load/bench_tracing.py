"""What tracing adds to a request: the same service with and without it, asked in turn, by size of what is captured.

    make bench-tracing ARGS="--requests 300"

Each request makes the spans of an answer: the root with question and answer, a retriever with ten documents, a model
call. Together their content has the given size, is redacted, and is sent to a receiver over HTTP.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import httpx2 as httpx
import numpy as np
import typer
from fastapi import APIRouter, FastAPI, Request
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.app import create_app
from common.serving import serve
from common.settings import ServiceSettings
from common.span import Document
from evaluation.platform import free_port
from fakes.traces import TraceReceiver

BUDGET_MS = {10_000: 0.1, 1_000_000: 5.0, 10_000_000: 50.0}
WORDS = "The keeper of the lighthouse writes into the log at 04:15 that the wind has turned to the north-west. "
DOCUMENTS = 10


def service() -> None:
    """The service under test: its environment says whether it is traced."""
    router = APIRouter()
    texts = {size: (WORDS * (size // len(WORDS) + 1))[:size] for size in BUDGET_MS}

    @router.post("/answer/{size}")
    async def answer(request: Request, size: int) -> dict[str, str]:
        text, part = texts[size], texts[size][: size // (DOCUMENTS + 2)]
        telemetry = request.app.state.telemetry
        with telemetry.root_span("answer", request.headers) as root:
            root.input({"messages": [{"role": "user", "content": text[:200]}]})
            with telemetry.span("retrieve", "RETRIEVER") as span:
                one = Document("chunk_1", part, 0.5, "file-1", 3)
                span.documents([one] * DOCUMENTS)
            with telemetry.span("generate", "LLM") as span:
                span.input(part)
                span.set("gen_ai.usage.input_tokens", 1200)
            root.output(part)
        return {"trace_id": root.trace_id}

    _ = answer
    settings = ServiceSettings(service="bench", port=int(os.environ["BENCH_PORT"]))
    app: FastAPI = create_app(settings, routers=[router])
    serve(app, settings, app.state.health)


@contextmanager
def started(environment: dict[str, str]) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, __file__, "serve"]
    process = subprocess.Popen(
        command, env=os.environ | environment | {"BENCH_PORT": str(port)}, stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{url}/readyz")
                break
            except httpx.TransportError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(30)


async def measured(receiver: TraceReceiver, requests: int) -> dict[int, list[Sequence[float]]]:
    """By size, the seconds of each pair: with and without tracing."""
    pairs: dict[int, list[Sequence[float]]] = {size: [] for size in BUDGET_MS}
    with ExitStack() as stack:
        traced = stack.enter_context(started({"FAIRLEAD_OTLP_ENDPOINT": receiver.url}))
        bare = stack.enter_context(started({"OTEL_SDK_DISABLED": "true"}))
        async with httpx.AsyncClient(timeout=60) as client:
            for size in BUDGET_MS:
                for number in range(requests + 20):
                    pair: list[float] = [0.0, 0.0]
                    # Neither is always first: what one leaves behind must not fall on the same one each time.
                    for which in (0, 1) if number % 2 else (1, 0):
                        began = time.perf_counter()
                        (await client.post(f"{(traced, bare)[which]}/answer/{size}")).raise_for_status()
                        pair[which] = time.perf_counter() - began
                    if number >= 20:
                        pairs[size].append(pair)
            counted = (await client.get(f"{traced}/metrics")).text
    print("\n".join(line for line in counted.splitlines() if line.startswith("fairlead_spans_total")))
    return pairs


async def run(requests: int) -> None:
    async with TraceReceiver().running() as receiver:
        pairs = await measured(receiver, requests)
    table = Table("content", "without p50", "with p50", "added p50", "added p90", "budget (ms)")
    for size, of_size in pairs.items():
        seconds = np.array(of_size) * 1000
        added = seconds[:, 0] - seconds[:, 1]
        table.add_row(
            f"{size:,} bytes",
            f"{np.median(seconds[:, 1]):.2f}",
            f"{np.median(seconds[:, 0]):.2f}",
            f"{np.median(added):.2f}",
            f"{np.percentile(added, 90):.2f}",
            f"{BUDGET_MS[size]:g}",
        )
    Console(width=100).print(table)


def main(
    what: Annotated[str, typer.Argument(hidden=True)] = "measure",
    requests: Annotated[int, typer.Option(help="Pairs of requests for each size.")] = 300,
) -> None:
    """Print what tracing adds to a request."""
    if what == "serve":
        service()
    else:
        asyncio.run(run(requests))


if __name__ == "__main__":
    typer.run(main)
