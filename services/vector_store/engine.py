"""The one interface through which chunks are written and found; `PostgresChunkStore` is its first engine."""

from collections.abc import Sequence
from typing import Protocol

from vector_store.models import (
    DEFAULT_LANGUAGE,
    Chunk,
    Counts,
    Discrepancy,
    EmbeddingSpace,
    Scope,
    SearchRequest,
    SearchResult,
    StoredChunk,
)


class ChunkStore(Protocol):
    """What any engine must do; `tests/integration/vector_store/contract.py` holds it to the meaning.

    Every call is confined to the scope's tenant; search and read also to documents the scope's groups may see.
    """

    async def write(
        self,
        scope: Scope,
        store_id: str,
        file_id: str,
        chunks: Sequence[Chunk],
        *,
        space: EmbeddingSpace,
        fingerprint: str,
        language: str = DEFAULT_LANGUAGE,
    ) -> None:
        """Replaces all chunks of a file in a store at once; searches see the old ones or the new ones, never both.

        The attached file becomes `completed` and keeps `fingerprint`, the caller's hash of everything the chunks were
        made from (bytes, chunking, space), so that an unchanged file is recognised.
        Raises NotFoundError if the file is no longer attached, SpaceMismatchError if the store has another space.
        """
        ...

    async def delete(self, scope: Scope, store_id: str, file_id: str) -> int:
        """Removes a file's chunks from a store and returns how many there were; none is not an error."""
        ...

    async def search(self, scope: Scope, request: SearchRequest) -> SearchResult:
        """The best passages first. Raises NotFoundError for an unknown store, InvalidError for a bad filter."""
        ...

    async def read(
        self, scope: Scope, store_id: str, file_id: str, *, first: int = 0, last: int | None = None
    ) -> list[StoredChunk]:
        """A file's chunks in the order of the text; of a long one those at the positions `first` to `last` only."""
        ...

    async def count(self, scope: Scope, store_id: str) -> Counts:
        """What the index holds for a store."""
        ...

    async def verify(self, scope: Scope, store_id: str) -> list[Discrepancy]:
        """Recounts everything kept in two places for a store; an empty list when all agrees."""
        ...
