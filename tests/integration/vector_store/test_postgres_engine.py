"""The Postgres engine keeps the contract."""

from integration.vector_store.contract import ChunkStoreContract


class TestPostgresChunkStore(ChunkStoreContract):
    pass
