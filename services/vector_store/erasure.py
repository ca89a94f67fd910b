"""Proves that a deleted file is gone: looks for what is left of it in every table, the queue and object storage."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from vector_store.errors import NotFoundError
from vector_store.objects import Objects
from vector_store.operations import owner
from vector_store.tables import Row, fetch_all, fetch_one

LOOK_EVERY_S = 0.5

# Who was deleted is kept, and who deleted it; nothing of what it said.
NOTES = ("audit_log", "deleted_files")

_NOTE = """
SELECT no, store_file_nos, store_nos, object_keys, true AS deleted FROM deleted_files WHERE id = %(id)s
UNION ALL
SELECT f.no, ARRAY(SELECT sf.no FROM store_files AS sf WHERE sf.file_no = f.no),
       ARRAY(SELECT sf.store_no FROM store_files AS sf WHERE sf.file_no = f.no), ARRAY[f.object_key], false
FROM files AS f WHERE f.id = %(id)s
"""
# Whatever tables there are: those of embedding spaces come and go.
_COLUMNS = """
SELECT c.table_name AS table, c.column_name AS column
FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name <> ALL(%(notes)s)
  AND (c.column_name IN ('file_no', 'file_id', 'store_file_no') OR (c.table_name, c.column_name) = ('files', 'id'))
ORDER BY 1
"""
_JOBS = """
SELECT id, args ->> 'object_key' AS object_key FROM procrastinate_jobs
WHERE args ->> 'file_id' = %(id)s AND status IN ('todo', 'doing', 'failed')
"""
_WORDS = """
WITH terms AS (
    SELECT t.lexeme COLLATE "C" AS term, count(*) AS chunks
    FROM chunk_terms AS w, unnest(w.terms) AS t WHERE w.store_no = %(store)s GROUP BY 1)
SELECT count(*) AS words FROM term_counts AS k LEFT JOIN terms AS t USING (term)
WHERE k.store_no = %(store)s AND k.chunks > coalesce(t.chunks, 0)
"""


@dataclass(frozen=True, slots=True)
class Remnant:
    """Something of the file that is still there."""

    where: str
    count: int

    def __str__(self) -> str:
        return f"{self.where}: {self.count}"


async def erased(owner_url: str, objects: Objects, file_id: str, patience_s: float) -> list[Remnant]:
    """What is left of the file once nothing changes that, or `patience_s` is over; empty when it is gone.

    Raises NotFoundError for an id that was never deleted here (or so long ago that the note of it is cleared).
    """
    deadline = time.monotonic() + patience_s
    async with owner(owner_url) as conn:
        while True:
            left = await remnants(conn, objects, file_id)
            if not left or time.monotonic() >= deadline:
                return left
            await asyncio.sleep(min(LOOK_EVERY_S, max(0.0, deadline - time.monotonic())))


async def remnants(conn: AsyncConnection[Any], objects: Objects, file_id: str) -> list[Remnant]:
    """Everything that is still there of the file now."""
    notes = await fetch_all(conn, _NOTE, {"id": file_id})
    if not notes:
        raise NotFoundError("deleted file", file_id)
    jobs = await fetch_all(conn, _JOBS, {"id": file_id})
    columns = await fetch_all(conn, _COLUMNS, {"notes": list(NOTES)})
    left = [await _rows(conn, column, file_id, notes) for column in columns]
    left.append(Remnant("jobs that are still to remove its bytes or to index it", len(jobs)))
    keys = {key for note in notes for key in note["object_keys"]} | {j["object_key"] for j in jobs if j["object_key"]}
    left.append(Remnant("objects with its bytes", sum([await _is_there(objects, key) for key in sorted(keys)])))
    left = [remnant for remnant in left if remnant.count]
    if left:
        return left  # recounting a store takes longest, and would only say that it is not over yet
    stores = sorted({no for note in notes for no in note["store_nos"]})
    return [remnant for store_no in stores if (remnant := await _words(conn, store_no)).count]


async def _rows(conn: AsyncConnection[Any], column: Row, file_id: str, notes: list[Row]) -> Remnant:
    values: list[Any]
    match column["column"]:
        case "store_file_no":
            values = [no for note in notes for no in note["store_file_nos"]]
        case "file_no":
            values = [note["no"] for note in notes]
        case _:
            values = [file_id]
    # Names from the database's own catalogue.
    query = f'SELECT count(*) AS rows FROM "{column["table"]}" WHERE "{column["column"]}" = ANY(%(values)s)'  # noqa: S608
    found = await fetch_one(conn, query, {"values": values})
    assert found is not None
    return Remnant(f"rows in {column['table']}", found["rows"])


async def _words(conn: AsyncConnection[Any], store_no: int) -> Remnant:
    """Its words in the counts of a store that it was in: those counts must be what the store's other files make."""
    found = await fetch_one(conn, _WORDS, {"store": store_no})
    assert found is not None
    return Remnant("words still counted", found["words"])


async def _is_there(objects: Objects, key: str) -> bool:
    try:
        await objects.size(key)
    except NotFoundError:
        return False
    return True
