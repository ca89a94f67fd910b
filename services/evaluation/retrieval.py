"""Runs every query of a collection through the store's own search and measures what comes back."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evaluation.collection import Collection
from evaluation.measures import Quality, quality
from vector_store.catalog import Catalog
from vector_store.engine import ChunkStore
from vector_store.models import Chunk, EmbeddingSpace, Hit, Scope, SearchRequest

HEADER = """\
| collection | mode | method | nDCG@10 | recall@10 | MRR@10 | search p50 |
|---|---|---|---|---|---|---|"""
SCOPE = Scope("default", None)
# Several passages of one document may be found; this many are asked for, so that ten documents remain.
PASSAGES = 50
METHODS: dict[str, dict[str, object]] = {
    "keyword": {"keyword_weight": 1.0},
    "vector": {"keyword_weight": 0.0},
    "hybrid, normalised": {},
    "hybrid, rrf": {"fusion": "rrf"},
}


@dataclass(frozen=True)
class Row:
    """One line of the report."""

    collection: str
    mode: str
    method: str
    quality: Quality
    median_ms: float


async def write_whole_documents(
    catalog: Catalog,
    engine: ChunkStore,
    collection: Collection,
    vectors: NDArray[np.float32],
    space: EmbeddingSpace,
) -> str:
    """Index each document as one passage with one vector, as published baselines do; returns the store's id."""
    store = await catalog.create_store(SCOPE, collection.name)
    for place, (name, document) in enumerate(collection.documents.items()):
        file = await catalog.create_file(
            SCOPE,
            filename=name,
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


async def measure(
    engine: ChunkStore,
    collection: Collection,
    mode: str,
    request: SearchRequest,
    query_vectors: Mapping[str, NDArray[np.float32]],
    methods: Sequence[str] = tuple(METHODS),
) -> list[Row]:
    """One row a method. `request` holds the store, the space and the shipped tunables; methods differ in fusion."""
    rows: list[Row] = []
    for method in methods:
        run: dict[str, dict[str, float]] = {}
        seconds: list[float] = []
        for name, text in collection.queries.items():
            asked = replace(request, text=text, vector=query_vectors[name], top_k=PASSAGES, **METHODS[method])  # pyright: ignore
            began = time.perf_counter()
            result = await engine.search(SCOPE, asked)
            seconds.append(time.perf_counter() - began)
            run[name] = by_document(result.hits)
        measured = quality(collection.judgements, run)
        rows.append(Row(collection.name, mode, method, measured, float(np.median(seconds)) * 1000))
    return rows


def by_document(hits: Sequence[Hit]) -> dict[str, float]:
    """Each document once, by its best passage. The order of the hits decides; equal scores must not reshuffle it."""
    names = list(dict.fromkeys(document_name(hit.filename) for hit in hits))
    return {name: float(len(names) - place) for place, name in enumerate(names)}


def document_name(filename: str) -> str:
    """The document's id in its collection: chunked documents are files `<id>.txt`."""
    return filename.rpartition("/")[2].removesuffix(".txt")


def line(row: Row) -> str:
    """A row of the report's Markdown table."""
    return (
        f"| {row.collection} | {row.mode} | {row.method} | {row.quality.ndcg:.4f} | {row.quality.recall:.4f} "
        f"| {row.quality.mrr:.4f} | {row.median_ms:.1f} ms |"
    )


def as_json(rows: Sequence[Row]) -> str:
    """The report for machines."""
    return json.dumps([{**vars(row), "quality": vars(row.quality)} for row in rows], indent=2)
