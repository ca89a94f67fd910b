"""The mode that users get: documents go through the ingestion service as files, with its shipped chunking."""

import asyncio
from pathlib import Path

import yaml
from rich.console import Console
from rich.progress import Progress

from common.pool_client import PoolClient
from common.postgres import open_pool
from evaluation import platform, retrieval
from evaluation.collection import Collection
from evaluation.retrieval import SCOPE, Row
from evaluation.vectors import MODEL, embedded
from vector_store.catalog import Catalog
from vector_store.models import SearchRequest
from vector_store.postgres_engine import PostgresChunkStore

LOOK_EVERY_S = 0.5
# A worker that indexes nothing for this long is stuck.
STUCK_AFTER_S = 120.0


async def chunked(each: Collection, models_url: str, folder: Path, cache: Path) -> list[Row]:
    """Write the documents as text files, let the worker ingest them, and search what it made."""
    work = folder / f"{each.name}-shipped"
    environment = written(each, models_url, work)
    with platform.temporary_database(work) as database:
        environment["FAIRLEAD_DATABASE_URL"] = database.app_url
        with platform.service("ingestion", work, environment):
            async with PoolClient(models_url) as client, open_pool(database.app_url, max_size=4) as pool:
                catalog = Catalog(pool)
                store_id = await ingested(catalog, each)
                store = await catalog.get_store(SCOPE, store_id)
                vectors = await embedded(client, MODEL, list(each.queries.values()), cache)
                by_query = dict(zip(each.queries, vectors, strict=True))
                request = SearchRequest((store_id,), "", space=store.space)
                return await retrieval.measure(PostgresChunkStore(pool), each, "shipped chunking", request, by_query)


def written(each: Collection, models_url: str, work: Path) -> dict[str, str]:
    """Documents as `<id>.txt`, title first, and the worker's configuration; returns the worker's environment."""
    documents = work / "documents"
    documents.mkdir(parents=True)
    for name, document in each.documents.items():
        text = f"{document.title}\n\n{document.text}\n" if document.title else f"{document.text}\n"
        (documents / f"{name}.txt").write_text(text, encoding="utf-8")
    config = work / "ingestion.yaml"
    source = {"kind": "folder", "path": str(documents), "store": each.name}
    config.write_text(yaml.safe_dump({"sources": [source]}), encoding="utf-8")
    return {
        "FAIRLEAD_CONFIG_FILE": str(config),
        "FAIRLEAD_POOL_URL": models_url,
        "FAIRLEAD_OBJECTS_URL": (work / "objects").as_uri(),
    }


async def ingested(catalog: Catalog, each: Collection) -> str:
    """Wait until every document is indexed; returns the store's id. Raises NotStarted when nothing moves any more."""
    total, done, still_since = len(each.documents), 0, 0.0
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{each.name}: ingesting", total=total)
        while True:
            stores = await catalog.find_stores(SCOPE, [each.name])
            counts = stores[0].file_counts if stores else None
            now = counts.completed + counts.failed if counts else 0
            if stores and counts and counts.failed:
                first = (await catalog.list_store_files(SCOPE, stores[0].id, status="failed", order="asc")).data[0]
                reason = first.last_error.message if first.last_error else "no reason given"
                raise platform.NotStarted(
                    f"{counts.failed} documents of {each.name} could not be ingested; {first.filename}: {reason}"
                )
            if stores and now >= total:
                return stores[0].id
            still_since = 0.0 if now > done else still_since + LOOK_EVERY_S
            if still_since > STUCK_AFTER_S:
                raise platform.NotStarted(f"ingesting {each.name} stands still at {now} of {total} documents")
            done = now
            bar.update(task, completed=done)
            await asyncio.sleep(LOOK_EVERY_S)
