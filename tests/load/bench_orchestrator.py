"""What the orchestrator adds to an answer beyond the store and the models: paired latency, whole, streamed, traced.

    make bench-orchestrator ARGS="--answers 500"

For each question three things are timed one after the other: the answer over HTTP; the same store calls made directly;
the same pool calls made directly. The difference of each triple is the overhead. The pool is scripted and answers at
once; Postgres, HTTP and the traces' export are real. Everything is started for the run and stopped after it.
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Any

import aiohttp
import typer
from rich.console import Console
from rich.table import Table

from common.deadline import Deadline
from common.pool_client import PoolClient
from common.postgres import open_pool
from evaluation import platform
from orchestrator.pipeline import prompt
from orchestrator.pipeline.passages import fitting
from orchestrator.tunables import OrchestratorTunables
from vector_store.catalog import Catalog
from vector_store.models import Chunk, EmbeddingSpace, Scope, SearchRequest, SearchResult
from vector_store.postgres_engine import PostgresChunkStore

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))
from fakes.pool import DIMENSION, MODEL, vector  # noqa: E402 - the tests' folder is no package

SPACE = EmbeddingSpace(MODEL, "1", DIMENSION)
WRITER, READER = Scope("default", None), Scope("default", ())
FILES, CHUNKS_PER_FILE, WORDS_PER_CHUNK = 50, 20, 150
WARM_UP = 50
DEADLINE_S = 30.0
TUNABLES = OrchestratorTunables()


@dataclass
class Timings:
    """Milliseconds of one way of asking, one entry per question."""

    answer: list[float] = field(default_factory=list[float])
    store: list[float] = field(default_factory=list[float])
    pool: list[float] = field(default_factory=list[float])

    @property
    def overhead(self) -> list[float]:
        return [answer - store - pool for answer, store, pool in zip(self.answer, self.store, self.pool, strict=True)]


@dataclass
class Bench:
    """The running parts and the same calls made directly."""

    url: str
    http: aiohttp.ClientSession
    pool: PoolClient
    catalog: Catalog
    chunks: PostgresChunkStore

    async def ask(self, question: str, stream: bool) -> None:
        body = {"messages": [{"role": "user", "content": question}], "stream": stream}
        async with self.http.post(f"{self.url}/v1/chat/completions", json=body) as response:
            text = await response.text()
            if response.status != 200 or '"degraded":[]' not in text.replace(" ", ""):
                raise RuntimeError(f"HTTP {response.status}: {text[:500]}")

    async def search(self, question: str) -> SearchResult:
        (store,) = await self.catalog.find_stores(READER, ["default"])
        request = SearchRequest(
            (store.id,),
            question,
            vector(question),
            SPACE,
            TUNABLES.top_k,
            TUNABLES.candidates,
            TUNABLES.fusion,
            TUNABLES.keyword_weight,
        )
        return await self.chunks.search(READER, request)

    async def call_models(self, question: str, found: SearchResult) -> None:
        await self.pool.embed(MODEL, [question], deadline=Deadline.after(DEADLINE_S))
        passages = fitting(found.hits, TUNABLES.max_passages_chars)
        messages = [
            {"role": "system", "content": TUNABLES.system_prompt},
            {"role": "user", "content": prompt.render(TUNABLES.prompt_template, passages, question)},
        ]
        body = {"model": "chat", "messages": messages}
        async for _ in self.pool.chat_stream(body, deadline=Deadline.after(DEADLINE_S)):
            pass

    async def measure(self, questions: list[str], stream: bool) -> Timings:
        timings = Timings()
        for number, question in enumerate(questions):
            answer = await timed(lambda question=question: self.ask(question, stream))
            store = await timed(lambda question=question: self.search(question))
            found = await self.search(question)
            pool = await timed(lambda question=question, found=found: self.call_models(question, found))
            if number >= WARM_UP:
                timings.answer.append(answer)
                timings.store.append(store)
                timings.pool.append(pool)
        return timings


async def timed(call: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await call()
    return (time.perf_counter() - began) * 1000


async def fill(catalog: Catalog, chunks: PostgresChunkStore, words: list[str], dice: random.Random) -> None:
    store = await catalog.create_store(WRITER, "default")
    for number in range(FILES):
        file = await catalog.create_file(
            WRITER, filename=f"{number}.txt", bytes=1, sha256="0" * 64, object_key=f"default/{number}"
        )
        await catalog.attach(WRITER, store.id, file.id)
        texts = [sentences(words, dice) for _ in range(CHUNKS_PER_FILE)]
        made = [Chunk(text, vector(text)[None, :], title=f"Document {number}", page=1) for text in texts]
        await chunks.write(WRITER, store.id, file.id, made, space=SPACE, fingerprint="1")


def sentences(words: list[str], dice: random.Random) -> str:
    text = [dice.choice(words) for _ in range(WORDS_PER_CHUNK)]
    return ". ".join(" ".join(text[start : start + 15]).capitalize() for start in range(0, len(text), 15)) + "."


async def run(folder: Path, database_url: str, pool_url: str, traced: bool, answers: int) -> dict[str, Timings]:
    dice = random.Random(1)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(3, 9))) for _ in range(3000)]
    environment = {
        "FAIRLEAD_DATABASE_URL": database_url,
        "FAIRLEAD_OBJECTS_URL": (folder / "objects").as_uri(),
        "FAIRLEAD_POOL_URL": pool_url,
        "FAIRLEAD_OTLP_ENDPOINT": f"{pool_url}/traces" if traced else "",
        "FAIRLEAD_LOG_LEVEL": "WARNING",
    }
    with platform.service("orchestrator", folder, environment) as url:
        async with (
            aiohttp.ClientSession() as http,
            PoolClient(pool_url) as pool,
            open_pool(database_url, min_size=2) as database,
        ):
            bench = Bench(url, http, pool, Catalog(database), PostgresChunkStore(database))
            if not await bench.catalog.find_stores(READER, ["default"]):
                await fill(bench.catalog, bench.chunks, words, dice)
            questions = [f"What about {' '.join(dice.choices(words, k=8))}?" for _ in range(WARM_UP + answers)]
            suffix = ", traced" if traced else ""
            return {
                f"whole{suffix}": await bench.measure(questions, stream=False),
                f"streamed{suffix}": await bench.measure(questions, stream=True),
            }


@contextmanager
def scripted_pool() -> Generator[str]:
    """The fake pool in a process of its own, so that its work is not done in the measuring one."""
    port = platform.free_port()
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    process = subprocess.Popen([sys.executable, "-m", "fakes.pool", str(port)], env=environment)
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(10)


def main(answers: Annotated[int, typer.Option(help="Questions for each way of asking.")] = 300) -> None:
    """Start everything, ask, print the table."""
    with (
        tempfile.TemporaryDirectory() as name,
        platform.temporary_database(Path(name)) as database,
        scripted_pool() as pool_url,
    ):
        results: dict[str, Timings] = {}
        for traced in (False, True):
            results |= asyncio.run(run(Path(name), database.app_url, pool_url, traced, answers))
    table = Table(
        "way of asking", "answer p50", "store p50", "pool p50", "overhead p50", "overhead p95", title="milliseconds"
    )
    for way, timings in results.items():
        p95 = quantiles(timings.overhead, n=20)[-1]
        figures = (median(timings.answer), median(timings.store), median(timings.pool), median(timings.overhead), p95)
        table.add_row(way, *(f"{figure:.2f}" for figure in figures))
    Console(width=110).print(table)


if __name__ == "__main__":
    typer.run(main)
