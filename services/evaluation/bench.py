"""A platform for the evaluation alone: collections are indexed into it, and variants of its search measured."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import Progress

from common.pool_client import PoolClient
from common.postgres import open_pool
from evaluation import index, platform
from evaluation.collection import Collection
from evaluation.runs import Run
from evaluation.search import SearchApi, document_name, measured, search_api
from evaluation.variants import Variant
from evaluation.vectors import MODEL, embedded
from vector_store.catalog import Catalog
from vector_store.postgres_engine import PostgresChunkStore

MODES = {"whole": "whole documents", "shipped": "shipped chunking"}
# The evaluation's services reach the offline models without a pool between, where the reranker has the model's name.
BASE = {"rerank_model": MODEL, "rerank_timeout_s": 60.0, "embed_timeout_s": 60.0}


@dataclass(frozen=True)
class Bench:
    """One collection, indexed in one mode, behind a running orchestrator."""

    collection: Collection
    mode: str
    store_id: str
    api: SearchApi
    config: Path

    async def run(self, variant: Variant) -> Run:
        """Put the variant into force and ask every query."""
        before = await self.api.config_hash()
        wanted = yaml.safe_dump({**BASE, **variant.tunables})
        if self.config.read_text(encoding="utf-8") != wanted:
            self.config.write_text(wanted, encoding="utf-8")
            await self.api.effective(before)
        with _Bar(f"{self.collection.name}: {variant.name}", len(self.collection.queries)) as advance:
            return await measured(
                self.api,
                self.store_id,
                self.collection.queries,
                self.collection.judgements,
                variant,
                collection=self.collection.name,
                mode=MODES[self.mode],
                name=document_name,
                progress=advance.one,
            )


def runs_of(
    collections: Sequence[Collection],
    modes: Iterable[str],
    cache: Path,
    variants: Sequence[Variant],
    on_run: Callable[[Run], None],
) -> None:
    """Every variant over every collection in every mode; each run is told at once, so that a later failure loses none.

    Raises NotStarted and SearchFailed.
    """
    with tempfile.TemporaryDirectory(prefix="fairlead-evaluation-") as temporary:
        folder = Path(temporary)
        with platform.service("local_models", folder, {}) as models_url:
            for each in collections:
                for mode in modes:
                    work = folder / f"{each.name}-{mode}"
                    asyncio.run(_variants(each, mode, f"{models_url}/v1", work, cache, variants, on_run))


async def _variants(
    each: Collection,
    mode: str,
    models_url: str,
    work: Path,
    cache: Path,
    variants: Sequence[Variant],
    on_run: Callable[[Run], None],
) -> None:
    async with _bench(each, mode, models_url, work, cache) as bench:
        for variant in variants:
            on_run(await bench.run(variant))


@asynccontextmanager
async def _bench(each: Collection, mode: str, models_url: str, work: Path, cache: Path) -> AsyncGenerator[Bench]:
    with ExitStack() as stack:
        database = stack.enter_context(platform.temporary_database(work))
        environment = {
            "FAIRLEAD_DATABASE_URL": database.app_url,
            "FAIRLEAD_POOL_URL": models_url,
            "FAIRLEAD_OBJECTS_URL": (work / "objects").as_uri(),
        }
        index_one = _whole if mode == "whole" else _shipped
        store_id = await index_one(each, models_url, database.app_url, environment, work, cache)
        config = work / "orchestrator.yaml"
        config.write_text(yaml.safe_dump(BASE), encoding="utf-8")
        serving = {**environment, "FAIRLEAD_CONFIG_FILE": str(config)}
        url = stack.enter_context(platform.service("orchestrator", work, serving))
        async with search_api(url) as api:
            yield Bench(each, mode, store_id, api, config)


async def _whole(each: Collection, models_url: str, database_url: str, _: dict[str, str], __: Path, cache: Path) -> str:
    texts = [document.whole for document in each.documents.values()]
    async with PoolClient(models_url) as client, open_pool(database_url, max_size=4) as pool:
        with _Bar(f"{each.name}: embedding", len(texts)) as bar:
            vectors = await embedded(client, MODEL, texts, cache, bar.to)
        return await index.write_whole_documents(Catalog(pool), PostgresChunkStore(pool), each, vectors)


async def _shipped(
    each: Collection, _: str, database_url: str, environment: dict[str, str], work: Path, __: Path
) -> str:
    with platform.service("ingestion", work, environment | index.written(each, work)):
        async with open_pool(database_url, max_size=4) as pool:
            with _Bar(f"{each.name}: ingesting", len(each.documents)) as bar:
                return await index.ingested(Catalog(pool), each, bar.to)


class _Bar:
    """A progress bar on the terminal's error output, so that tables can be kept by themselves."""

    def __init__(self, what: str, total: int) -> None:
        self._progress = Progress(console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task(what, total=total)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def one(self) -> None:
        """One more is done."""
        self._progress.advance(self._task)

    def to(self, done: int) -> None:
        """So many are done."""
        self._progress.update(self._task, completed=done)
