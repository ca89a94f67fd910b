"""The chunk engine on PostgreSQL with pgvector."""

from collections.abc import Sequence

from common.postgres import Pool
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


class PostgresChunkStore:
    """A `ChunkStore` in the application's own database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

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
        raise NotImplementedError

    async def delete(self, scope: Scope, store_id: str, file_id: str) -> int:
        raise NotImplementedError

    async def search(self, scope: Scope, request: SearchRequest) -> SearchResult:
        raise NotImplementedError

    async def read(self, scope: Scope, store_id: str, file_id: str) -> list[StoredChunk]:
        raise NotImplementedError

    async def count(self, scope: Scope, store_id: str) -> Counts:
        raise NotImplementedError

    async def verify(self, scope: Scope, store_id: str) -> list[Discrepancy]:
        raise NotImplementedError
