"""File bytes in object storage: a local folder, S3, Azure Blob or Google Cloud Storage, by URL."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

from vector_store.errors import InvalidError, NotFoundError

OPERATION_TIMEOUT_S = 60.0
# A large upload to a slow disk or a far bucket; a caller with a deadline of its own cancels earlier.
PUT_TIMEOUT_S = 600.0
PIECE_BYTES = 1 << 20
LIST_CHUNK = 1000


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as the store lists it."""

    key: str
    bytes: int
    modified: datetime


class Objects:
    """Bytes by key. A write is atomic: a reader sees all of it or nothing."""

    def __init__(self, url: str) -> None:
        """`file:///folder` (created if missing), `s3://bucket/prefix`, `az://container/prefix`, `gs://bucket/prefix`.

        Cloud credentials come from the environment or the workload's identity.
        """
        self._store = _open(url)

    async def put(self, key: str, data: bytes | AsyncIterator[bytes] | Path) -> None:
        """Stores the bytes, replacing what was there. If `data` fails half-way, nothing is stored."""
        async with asyncio.timeout(PUT_TIMEOUT_S):
            await obstore.put_async(self._store, _checked(key), data)

    async def get(self, key: str) -> bytes:
        """All bytes of a key. Raises NotFoundError."""
        try:
            async with asyncio.timeout(OPERATION_TIMEOUT_S):
                found = await obstore.get_async(self._store, _checked(key))
                return bytes(await found.bytes_async())
        except FileNotFoundError as error:
            raise NotFoundError("file content", key) from error

    async def stream(self, key: str, *, piece_bytes: int = PIECE_BYTES) -> AsyncIterator[bytes]:
        """The bytes of a key in pieces. Raises NotFoundError at the first piece."""
        try:
            async with asyncio.timeout(OPERATION_TIMEOUT_S):
                found = await obstore.get_async(self._store, _checked(key))
        except FileNotFoundError as error:
            raise NotFoundError("file content", key) from error
        pieces = aiter(found.stream(min_chunk_size=piece_bytes))
        while True:
            async with asyncio.timeout(OPERATION_TIMEOUT_S):
                piece = await anext(pieces, None)
            if piece is None:
                return
            yield bytes(piece)

    async def size(self, key: str) -> int:
        """Raises NotFoundError."""
        # Not head_async: its thread lets go of the result after the answer is here, and aborts the process if that
        # is about to end, as a command that only looks is.
        try:
            async with asyncio.timeout(OPERATION_TIMEOUT_S):
                return int((await asyncio.to_thread(obstore.head, self._store, _checked(key)))["size"])
        except FileNotFoundError as error:
            raise NotFoundError("file content", key) from error

    async def list(self) -> AsyncIterator["StoredObject"]:
        """Everything that is stored, in no order, read as it goes."""
        listing = obstore.list(self._store, chunk_size=LIST_CHUNK)
        while True:
            # In a thread of ours, for the reason given at `size`.
            async with asyncio.timeout(OPERATION_TIMEOUT_S):
                found = await asyncio.to_thread(next, listing, None)
            if found is None:
                return
            for entry in found:
                yield StoredObject(entry["path"], int(entry["size"]), entry["last_modified"])

    async def delete(self, key: str) -> None:
        """A key that is not there is not an error."""
        try:
            async with asyncio.timeout(OPERATION_TIMEOUT_S):
                await obstore.delete_async(self._store, _checked(key))
        except FileNotFoundError:
            return


def _open(url: str) -> ObjectStore:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(Path(unquote(parts.path)), mkdir=True)
    if parts.scheme in ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "https"):
        return from_url(url)
    raise InvalidError(f"objects URL: '{parts.scheme}:' is not supported; use file:, s3:, gs: or az:.", "objects_url")


def _checked(key: str) -> str:
    """Keys are made by this platform from identifiers; a path that climbs out of the store is a defect."""
    if not key or key.startswith("/") or any(part in ("", ".", "..") for part in key.split("/")):
        raise InvalidError(f"'{key}' is not an object key.", "key")
    return key
