"""Latency, scaling, filters and clients of hybrid search, the query's embedding included.

    make bench-search ARGS="--data path/to/scifact --sizes 10000,50000"

Passages are made of a collection's own sentences (BEIR layout): each mixes two documents, and its vector mixes their
embeddings with a little noise, so that words and vectors are distributed as in real text. Queries are the collection's.
Database and models are started for the run and stopped after it.
"""

import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import psycopg
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from common.deadline import Deadline
from common.pool_client import PoolClient
from common.postgres import open_pool
from evaluation import platform
from evaluation.collection import Collection, read
from evaluation.vectors import MODEL, embedded
from vector_store.catalog import Catalog
from vector_store.models import Chunk, EmbeddingSpace, Scope, SearchRequest
from vector_store.postgres_engine import PostgresChunkStore

SPACE = EmbeddingSpace(MODEL, "bench", 384)
WRITER, READER = Scope("bench", None), Scope("bench", ())
BASE_DOCUMENTS = 1000
QUERIES = 300
SEARCHES = 1000
CHUNKS_PER_FILE = 20
WRITERS = 4
PARTS = 20
"""Files carry `part` 0…19, so that a filter on one part leaves 5 %."""
FILTER = {"type": "eq", "key": "part", "value": 7}
DEADLINE_S = 60.0


@dataclass
class Corpus:
    """Makes passages without end, the same ones in every run."""

    collection: Collection
    vectors: NDArray[np.float32]
    made: list[NDArray[np.float32]] = field(default_factory=list)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def __post_init__(self) -> None:
        self._titles = [document.title for document in islice(self.collection.documents.values(), len(self.vectors))]
        texts = islice(self.collection.documents.values(), len(self.vectors))
        self._sentences = [re.split(r"(?<=[.!?])\s+", document.text) for document in texts]

    def chunk(self) -> Chunk:
        a, b = self.rng.integers(len(self.vectors), size=2)
        sentences = [*self._some(a), *self._some(b)]
        vector = 0.75 * self.vectors[a] + 0.25 * self.vectors[b] + self.rng.normal(0, 0.02, SPACE.dimension)
        vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        self.made.append(vector)
        return Chunk(" ".join(sentences), vector[None], title=self._titles[a])

    def _some(self, document: int) -> Sequence[str]:
        sentences = self._sentences[document]
        return [sentences[i] for i in self.rng.permutation(len(sentences))[:4]]


@dataclass
class Bench:
    """One store that grows, and searches against it."""

    client: PoolClient
    catalog: Catalog
    engine: PostgresChunkStore
    corpus: Corpus
    queries: list[str]
    owner_url: str
    postmaster: int
    store_id: str = ""
    parts: list[int] = field(default_factory=list)

    async def grow(self, size: int) -> float:
        """Chunks per second while the store grows to `size`."""
        self.store_id = self.store_id or (await self.catalog.create_store(WRITER, "bench")).id
        missing = (size - len(self.corpus.made)) // CHUNKS_PER_FILE
        turns = asyncio.Semaphore(WRITERS)
        begun = time.perf_counter()
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(f"writing up to {size:,} passages", total=missing)

            async def put(part: int, chunks: list[Chunk]) -> None:
                async with turns:
                    await self._put(part, chunks)
                    bar.advance(task)

            async with asyncio.TaskGroup() as group:
                for number in range(missing):
                    part = number % PARTS
                    self.parts += [part] * CHUNKS_PER_FILE
                    group.create_task(put(part, [self.corpus.chunk() for _ in range(CHUNKS_PER_FILE)]))
        took = time.perf_counter() - begun
        with psycopg.connect(self.owner_url, autocommit=True) as conn:
            conn.execute("VACUUM ANALYZE")  # what autovacuum does within a minute
        return missing * CHUNKS_PER_FILE / took

    async def _put(self, part: int, chunks: list[Chunk]) -> None:
        file = await self.catalog.create_file(
            WRITER, filename="bench.txt", bytes=1, sha256="0" * 64, object_key="bench/none"
        )
        await self.catalog.attach(WRITER, self.store_id, file.id, attributes={"part": part})
        await self.engine.write(WRITER, self.store_id, file.id, chunks, space=SPACE, fingerprint="bench")

    async def ask(self, text: str, **request: Any) -> tuple[float, float]:
        """Seconds for the embedding, and for the search."""
        begun = time.perf_counter()
        vectors = await self.client.embed(MODEL, [text], deadline=Deadline.after(DEADLINE_S))
        embedded_at = time.perf_counter()
        await self.engine.search(READER, SearchRequest((self.store_id,), text, vectors[0], SPACE, **request))
        return embedded_at - begun, time.perf_counter() - embedded_at

    async def latency(self, **request: Any) -> tuple[NDArray[np.float64], float]:
        """Rows of (embedding, search) seconds with one client, and the seconds of processor time that each took.

        The latter is all that client, model and database used: it says what a search costs where other work makes it
        wait.
        """
        for text in self.queries[:50]:
            await self.ask(text, **request)
        used = self.processor_seconds()
        taken = [await self.ask(text, **request) for text in islice(cycle(self.queries), SEARCHES)]
        return np.array(taken), (self.processor_seconds() - used) / SEARCHES

    def processor_seconds(self) -> float:
        total = 0.0
        for root in (psutil.Process(), psutil.Process(self.postmaster)):
            for process in (root, *root.children(recursive=True)):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    async def throughput(self, clients: int) -> float:
        """Searches per second with so many clients that ask one after another."""
        texts = iter(list(islice(cycle(self.queries), SEARCHES)))

        async def one() -> None:
            for text in texts:
                await self.ask(text)

        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(one())
        return SEARCHES / (time.perf_counter() - begun)

    async def recall(self, filters: dict[str, Any] | None = None) -> float:
        """Of the ten nearest vectors that pass the filter, the share that vector search with it returns."""
        rows = np.array([filters is None or part == filters["value"] for part in self.parts])
        vectors = np.array(self.corpus.made)[rows]
        wanted = found = 0
        for text in self.queries[:100]:
            query = (await self.client.embed(MODEL, [text], deadline=Deadline.after(DEADLINE_S)))[0]
            request = SearchRequest(
                (self.store_id,), text, query, SPACE, keyword_weight=0.0, filters=filters, candidates=50
            )
            hits = (await self.engine.search(READER, request)).hits
            tenth = np.sort(vectors @ query)[-10]
            wanted += 10
            # Half precision may swap equals; a hit as near as the tenth nearest counts.
            found += sum(hit.vector is not None and hit.vector.score >= tenth - 1e-3 for hit in hits[:10])
        return found / wanted


def milliseconds(seconds: NDArray[np.float64], percentile: float) -> str:
    return f"{np.percentile(seconds, percentile) * 1000:.1f}"


async def report(bench: Bench, sizes: Sequence[int], clients: Sequence[int]) -> None:
    headings = (
        "passages",
        "written/s",
        "embed p50",
        "search p50",
        "p99",
        "both p50",
        "both p99",
        "CPU (ms)",
        "× first",
        "recall@10",
    )
    table = Table(*headings)
    filtered = Table("passages", "filter leaves", "search p50", "p99 (ms)", "recall@10 of exact")
    busy = Table("passages", "clients", "searches/s")
    first: float | None = None
    for size in sizes:
        written = await bench.grow(size)
        taken, busy_s = await bench.latency()
        both = taken.sum(axis=1)
        median = float(np.percentile(taken[:, 1], 50))
        first = first or median
        table.add_row(
            f"{size:,}", f"{written:.0f}", milliseconds(taken[:, 0], 50), milliseconds(taken[:, 1], 50),
            milliseconds(taken[:, 1], 99), milliseconds(both, 50), milliseconds(both, 99), f"{busy_s * 1000:.1f}",
            f"{median / first:.2f}", f"{await bench.recall():.3f}",
        )  # fmt: skip
        narrow = (await bench.latency(filters=FILTER))[0][:, 1]
        filtered.add_row(
            f"{size:,}", "5 %", milliseconds(narrow, 50), milliseconds(narrow, 99),
            f"{await bench.recall(FILTER):.3f}",
        )  # fmt: skip
        for number in clients:
            busy.add_row(f"{size:,}", str(number), f"{await bench.throughput(number):.0f}")
    # Without a terminal to fit into, nothing is cut.
    console = Console(width=None if sys.stdout.isatty() else 120)
    for each in (table, filtered, busy):
        console.print(each)


async def run(data: Path, sizes: Sequence[int], clients: Sequence[int], cache: Path, folder: Path) -> None:
    collection = read(data)
    with (
        platform.temporary_database(folder) as database,
        platform.service("local_models", folder, {}) as models_url,
    ):
        async with (
            PoolClient(f"{models_url}/v1") as client,
            open_pool(database.app_url, min_size=4, max_size=max(clients) + 1) as pool,
        ):
            texts = [document.whole for document in islice(collection.documents.values(), BASE_DOCUMENTS)]
            corpus = Corpus(collection, await embedded(client, MODEL, texts, cache))
            queries = list(collection.queries.values())[:QUERIES]
            postmaster = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
            engine = PostgresChunkStore(pool)
            bench = Bench(client, Catalog(pool), engine, corpus, queries, database.owner_url, postmaster)
            await report(bench, sizes, clients)


def main(
    data: Annotated[Path, typer.Option(help="A collection's folder (BEIR layout).")],
    sizes: Annotated[str, typer.Option(help="Passages, growing.")] = "10000,50000",
    clients: Annotated[str, typer.Option(help="Clients at a time.")] = "1,4,16",
    cache: Annotated[Path, typer.Option(help="Where embeddings are kept between runs.")] = Path(".fairlead/cache"),
) -> None:
    """Print latency by size, under a filter, and throughput by clients."""
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as temporary:
        numbers = [[int(part) for part in text.split(",")] for text in (sizes, clients)]
        asyncio.run(run(data, numbers[0], numbers[1], cache, Path(temporary)))


if __name__ == "__main__":
    typer.run(main)
