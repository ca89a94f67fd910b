"""Two ways to index a collection: each document as one passage, as published baselines do, and as users' files are."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray

from evaluation import platform
from evaluation.collection import Collection
from evaluation.vectors import MODEL
from vector_store.catalog import Catalog
from vector_store.engine import ChunkStore
from vector_store.models import Chunk, EmbeddingSpace, Scope

SCOPE = Scope("default", None)
# The passages that whole documents make are cut by the model's window: a space of the evaluation's own.
WHOLE_SPACE = EmbeddingSpace(MODEL, "whole-documents", 384)
LOOK_EVERY_S = 0.5
# A worker that indexes nothing for this long is stuck.
STUCK_AFTER_S = 120.0
Progress = Callable[[int], None]


async def write_whole_documents(
    catalog: Catalog,
    engine: ChunkStore,
    collection: Collection,
    vectors: NDArray[np.float32],
    space: EmbeddingSpace = WHOLE_SPACE,
) -> str:
    """Index each document as one passage with one vector; returns the store's id."""
    store = await catalog.create_store(SCOPE, collection.name)
    for place, (name, document) in enumerate(collection.documents.items()):
        file = await catalog.create_file(
            SCOPE,
            filename=f"{name}.txt",
            purpose="assistants",
            bytes=len(document.whole),
            sha256="0" * 64,
            content_type="text/plain",
            object_key=f"evaluation/{name}",
        )
        await catalog.attach(SCOPE, store.id, file.id)
        chunk = Chunk(document.whole, vectors[place : place + 1])
        await engine.write(SCOPE, store.id, file.id, [chunk], space=space, fingerprint=name)
    return store.id


def written(each: Collection, work: Path) -> dict[str, str]:
    """Documents as `<id>.txt`, title first, and the worker's configuration; returns what the worker is told of them."""
    documents = work / "documents"
    documents.mkdir(parents=True)
    for name, document in each.documents.items():
        text = f"{document.title}\n\n{document.text}\n" if document.title else f"{document.text}\n"
        (documents / f"{name}.txt").write_text(text, encoding="utf-8")
    config = work / "ingestion.yaml"
    source = {"kind": "folder", "path": str(documents), "store": each.name}
    config.write_text(yaml.safe_dump({"sources": [source]}), encoding="utf-8")
    return {"FAIRLEAD_CONFIG_FILE": str(config)}


async def ingested(catalog: Catalog, each: Collection, progress: Progress) -> str:
    """Wait until every document is indexed; returns the store's id. Raises NotStarted when nothing moves any more."""
    total, done, still_since = len(each.documents), 0, 0.0
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
        progress(done)
        await asyncio.sleep(LOOK_EVERY_S)
