"""`python -m evaluation retrieval`: keyword, vector and hybrid side by side on retrieval collections."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from common.pool_client import PoolClient
from common.postgres import open_pool
from evaluation import collection, platform, retrieval, shipped
from evaluation.collection import Collection, CollectionError
from evaluation.retrieval import Row
from evaluation.vectors import MODEL, embedded
from vector_store.catalog import Catalog
from vector_store.models import EmbeddingSpace, SearchRequest, Vectors
from vector_store.postgres_engine import PostgresChunkStore

# The passages that whole documents make are cut by the model's window: a space of the evaluation's own.
WHOLE_SPACE = EmbeddingSpace(MODEL, "whole-documents", 384)

app = typer.Typer(help="Evaluate retrieval apart from answers.", no_args_is_help=True, add_completion=False)


@app.callback()
def evaluation() -> None:
    """Evaluate retrieval apart from answers."""


@app.command("retrieval")
def retrieval_command(
    data: Annotated[list[Path], typer.Option(help="A collection's folder (BEIR layout); repeatable.")],
    mode: Annotated[str, typer.Option(help="whole (documents), shipped (chunking) or both.")] = "both",
    cache: Annotated[Path, typer.Option(help="Where embeddings are kept between runs.")] = Path(".fairlead/cache"),
    out: Annotated[Path | None, typer.Option(help="Also write the figures here, as JSON.")] = None,
) -> None:
    """nDCG@10, recall@10 and MRR@10 of keyword, vector and hybrid search, with the shipped defaults."""
    if mode not in ("whole", "shipped", "both"):
        raise typer.BadParameter("must be whole, shipped or both", param_hint="--mode")
    try:
        collections = [collection.read(folder) for folder in data]
    except CollectionError as error:
        raise typer.BadParameter(str(error), param_hint="--data") from None
    rows: list[Row] = []
    Console().print(retrieval.HEADER, markup=False, soft_wrap=True)
    try:
        for row in measured(collections, mode, cache):
            # At once: what was measured is not lost if a later collection fails.
            rows.append(row)
            Console().print(retrieval.line(row), markup=False, soft_wrap=True)
            if out is not None:
                out.write_text(retrieval.as_json(rows) + "\n", encoding="utf-8")
    except platform.NotStarted as error:
        Console(stderr=True).print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def measured(collections: Sequence[Collection], mode: str, cache: Path) -> Iterator[Row]:
    """One row a collection, mode and method. Raises NotStarted."""
    with tempfile.TemporaryDirectory(prefix="fairlead-evaluation-") as temporary:
        folder = Path(temporary)
        with platform.service("local_models", folder, {}) as models_url:
            for each in collections:
                if mode != "shipped":
                    yield from asyncio.run(whole_documents(each, f"{models_url}/v1", folder, cache))
                if mode != "whole":
                    yield from asyncio.run(shipped.chunked(each, f"{models_url}/v1", folder, cache))


async def whole_documents(each: Collection, models_url: str, folder: Path, cache: Path) -> list[Row]:
    """The mode that published baselines use: one passage, one vector a document."""
    with platform.temporary_database(folder / f"{each.name}-whole") as database:
        async with PoolClient(models_url) as client, open_pool(database.app_url, max_size=4) as pool:
            texts = [document.whole for document in each.documents.values()]
            vectors = await with_progress(client, f"{each.name}: documents", texts, cache)
            queries = await with_progress(client, f"{each.name}: queries", list(each.queries.values()), cache)
            engine = PostgresChunkStore(pool)
            store_id = await retrieval.write_whole_documents(Catalog(pool), engine, each, vectors, WHOLE_SPACE)
            request = SearchRequest((store_id,), "", space=WHOLE_SPACE)
            by_query = dict(zip(each.queries, queries, strict=True))
            return await retrieval.measure(engine, each, "whole documents", request, by_query)


async def with_progress(client: PoolClient, what: str, texts: Sequence[str], cache: Path) -> Vectors:
    """Embed with a progress bar on the terminal."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=len(texts))
        return await embedded(client, MODEL, texts, cache, lambda done: bar.advance(task, done))
