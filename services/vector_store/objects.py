"""File bytes in object storage: a local folder, S3, Azure Blob or Google Cloud Storage, by URL."""

from collections.abc import AsyncIterator
from pathlib import Path


class Objects:
    """Bytes by key. A write is atomic: a reader sees all of it or nothing."""

    def __init__(self, url: str) -> None:
        """`file:///folder` (created if missing), `s3://bucket/prefix`, `az://container/prefix`, `gs://bucket/prefix`.

        Cloud credentials come from the environment or the workload's identity.
        """
        raise NotImplementedError

    async def put(self, key: str, data: bytes | AsyncIterator[bytes] | Path) -> None:
        raise NotImplementedError

    async def get(self, key: str) -> bytes:
        """All bytes of a key. Raises NotFoundError."""
        raise NotImplementedError

    def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> AsyncIterator[bytes]:
        """The bytes of a key in pieces. Raises NotFoundError at the first piece."""
        raise NotImplementedError

    async def size(self, key: str) -> int:
        """Raises NotFoundError."""
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        """A key that is not there is not an error."""
        raise NotImplementedError
