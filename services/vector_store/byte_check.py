"""Object storage against the catalog: every file has its bytes, unharmed, and no bytes lie there that no file owns."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection

from vector_store.errors import NotFoundError
from vector_store.models import Discrepancy
from vector_store.objects import Objects
from vector_store.tables import Row, fetch_all

# Requests to object storage that are under way at a time.
PARALLEL_OBJECTS = 16
# Bytes are stored before the catalog knows of them: younger ones may belong to an upload that is under way.
SETTLED = timedelta(hours=1)

# A source's file that is too large to be read is recorded without bytes (its hash says so).
_FILES = """
SELECT id, object_key, bytes, sha256 FROM files WHERE sha256 NOT LIKE '%%:%%' ORDER BY id
"""
_OWNED = """
SELECT object_key FROM files
UNION SELECT args ->> 'object_key' FROM procrastinate_jobs
WHERE args ? 'object_key' AND status IN ('todo', 'doing', 'failed')
"""

UPLOAD_AGAIN = "delete the file and upload it again, or restore its bytes from a backup"


@dataclass(frozen=True, slots=True)
class Orphan:
    """Bytes that no file owns."""

    key: str
    bytes: int


async def verify_bytes(conn: AsyncConnection[Any], objects: Objects, *, deep: bool) -> list[Discrepancy]:
    """Files whose bytes are missing or of another size, with `deep` also those whose content is another."""
    files = await fetch_all(conn, _FILES, {})
    turns = asyncio.Semaphore(PARALLEL_OBJECTS)

    async def check(file: Row) -> Discrepancy | None:
        async with turns:
            return await _check(objects, file, deep)

    return [found for found in await asyncio.gather(*(check(file) for file in files)) if found is not None]


async def orphans(conn: AsyncConnection[Any], objects: Objects) -> list[Orphan]:
    """Bytes that no file owns and no upload can be about to claim."""
    settled = datetime.now(UTC) - SETTLED
    # Listed before the catalog is read: what is stored in between is not on the list.
    listed = [found async for found in objects.list() if found.modified < settled]
    owned = {row["object_key"] for row in await fetch_all(conn, _OWNED, {})}
    return [Orphan(found.key, found.bytes) for found in listed if found.key not in owned]


async def _check(objects: Objects, file: Row, deep: bool) -> Discrepancy | None:
    what = f"bytes stored of file {file['id']}"
    try:
        size = await objects.size(file["object_key"])
    except NotFoundError:
        return Discrepancy("-", what, file["bytes"], 0, f"they are missing: {UPLOAD_AGAIN}")
    if size != file["bytes"]:
        return Discrepancy("-", what, file["bytes"], size, UPLOAD_AGAIN)
    if deep and len(file["sha256"]) == 64 and await _sha256(objects, file["object_key"]) != file["sha256"]:
        return Discrepancy("-", f"files with another content than was uploaded: {file['id']}", 0, 1, UPLOAD_AGAIN)
    return None


async def _sha256(objects: Objects, key: str) -> str:
    digest = hashlib.sha256()
    async for piece in objects.stream(key):
        digest.update(piece)
    return digest.hexdigest()
