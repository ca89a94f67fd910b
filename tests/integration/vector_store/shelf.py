"""Short ways to put documents into a store, for tests that are about something else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np

from vector_store.catalog import Catalog
from vector_store.engine import ChunkStore
from vector_store.models import AttributeValue, Chunk, EmbeddingSpace, Scope, SearchRequest, SearchResult, Vectors

SPACE = EmbeddingSpace("compass", "1", 4)
NORTH, EAST, SOUTH, WEST = np.eye(4, dtype=np.float32)
SERVICE = Scope("harbour", None)
READER = Scope("harbour", ())


def toward(direction: Vectors, other: Vectors, share: float) -> Vectors:
    """A vector that points mostly at `direction` and by `share` at `other`."""
    return direction * (1 - share) + other * share


def passage(text: str, *vectors: Vectors, title: str = "") -> Chunk:
    return Chunk(text, np.array(vectors, np.float32).reshape(-1, 4), title=title)


@dataclass
class Shelf:
    catalog: Catalog
    engine: ChunkStore
    scope: Scope = SERVICE
    numbers: Iterator[int] = field(default_factory=count)

    async def store(self, name: str = "documents") -> str:
        return (await self.catalog.create_store(self.scope, name)).id

    async def attach(
        self,
        store_id: str,
        name: str | None = None,
        *,
        attributes: Mapping[str, AttributeValue] | None = None,
        groups: tuple[str, ...] = (),
    ) -> str:
        """A file attached and not yet ingested; returns its id."""
        name = name or f"file {next(self.numbers)}"
        file = await self.catalog.create_file(
            self.scope, filename=name, bytes=1, sha256="0" * 64, object_key=f"test/{name}", groups=groups
        )
        await self.catalog.attach(self.scope, store_id, file.id, attributes=attributes)
        return file.id

    async def write(
        self,
        store_id: str,
        file_id: str,
        chunks: Sequence[Chunk],
        *,
        space: EmbeddingSpace = SPACE,
        language: str = "english",
    ) -> None:
        await self.engine.write(
            self.scope, store_id, file_id, chunks, space=space, fingerprint="written", language=language
        )

    async def put(
        self,
        store_id: str,
        *chunks: Chunk,
        name: str | None = None,
        attributes: Mapping[str, AttributeValue] | None = None,
        groups: tuple[str, ...] = (),
    ) -> str:
        """A file attached and ingested; returns its id."""
        file_id = await self.attach(store_id, name, attributes=attributes, groups=groups)
        await self.write(store_id, file_id, chunks)
        return file_id

    async def search(
        self, store_id: str, text: str = "", vector: Vectors | None = None, *, scope: Scope = READER, **request: object
    ) -> SearchResult:
        asked = SearchRequest((store_id,), text, vector, None if vector is None else SPACE)
        return await self.engine.search(scope, replace(asked, **request))  # pyright: ignore[reportArgumentType]

    async def found(
        self, store_id: str, text: str = "", vector: Vectors | None = None, *, scope: Scope = READER, **request: object
    ) -> list[str]:
        """The texts of what a search finds, in order."""
        result = await self.search(store_id, text, vector, scope=scope, **request)
        return [hit.chunk.text for hit in result.hits]
