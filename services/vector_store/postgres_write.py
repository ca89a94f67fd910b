"""Writing and removing a file's chunks in PostgreSQL, one transaction each."""

import json
from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection, errors

from vector_store.errors import ConflictError, InvalidError, NotFoundError, SpaceMismatchError
from vector_store.fields import storable
from vector_store.halfvec import BYTES_PER_NUMBER, HalfVector, adapt, to_halfvec, unit_vectors
from vector_store.models import Chunk, EmbeddingSpace, Scope
from vector_store.tables import Row, fetch_one
from vector_store.words import further_words, terms_of

# Rows sent in one statement: bounds the memory of a very long file on both sides.
BATCH_ROWS = 500

# Locks in the order that every writer keeps: the store (against its deletion), then the file in it.
_TARGET = """
SELECT s.no AS store_no, s.space_no, sf.no AS store_file_no, sf.status,
       EXISTS (SELECT FROM pg_ts_config WHERE cfgname = %(language)s) AS language_known
FROM stores AS s
JOIN store_files AS sf ON sf.store_no = s.no
JOIN files AS f ON f.no = sf.file_no
WHERE s.tenant = %(tenant)s AND s.id = %(store_id)s AND f.id = %(file_id)s
FOR KEY SHARE OF s FOR NO KEY UPDATE OF sf
"""
_INSERT_CHUNKS = """
INSERT INTO chunks (tenant, store_no, store_file_no, position, text, title, headings, page, page_end, tokens, metadata)
SELECT %(tenant)s, %(store_no)s, %(store_file_no)s, c.*
FROM jsonb_to_recordset(%(chunks)s::jsonb) AS c (position integer, text text, title text, headings text[],
     page integer, page_end integer, tokens integer, metadata jsonb)
RETURNING position, no
"""
_INSERT_TERMS = f"""
INSERT INTO chunk_terms (chunk_no, tenant, store_no, store_file_no, language, length, terms)
SELECT c.no, c.tenant, c.store_no, c.store_file_no, %(language)s, length_of(t.terms), t.terms
FROM chunks AS c
CROSS JOIN LATERAL (SELECT {terms_of("%(language)s")}) AS t (terms)
WHERE c.store_file_no = %(store_file_no)s
"""  # noqa: S608


class ChunkWriter:
    """Replaces a file's chunks within the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection[Any], scope: Scope, store_id: str, file_id: str) -> None:
        self._conn = conn
        self._scope = scope
        self._store_id = store_id
        self._file_id = file_id

    async def replace(self, chunks: Sequence[Chunk], space: EmbeddingSpace, fingerprint: str, language: str) -> None:
        vectors = [unit_vectors(chunk.vectors, space.dimension, f"chunk {i}") for i, chunk in enumerate(chunks)]
        target = await self._target(language)
        if not target["language_known"]:
            raise InvalidError(f"language: PostgreSQL has no text search configuration '{language}'.", "language")
        if target["status"] == "cancelled":
            raise ConflictError(f"The ingestion of file '{self._file_id}' was cancelled.")
        space_no = await self._claim_space(target, space)
        # Words come last: from there on the store's other writers wait (see count_terms in the schema).
        await self._delete("chunks", target)
        await self._delete(f"vectors_{space_no}", target)
        numbers = await self._insert_chunks(target, chunks)
        rows = [
            (numbers[i], window, self._scope.tenant, target["store_no"], target["store_file_no"], to_halfvec(vector))
            for i, windows in enumerate(vectors)
            for window, vector in enumerate(windows)
        ]
        await insert_vectors(self._conn, space_no, rows)
        await self._delete("chunk_terms", target)
        try:
            terms = {"language": language, "store_file_no": target["store_file_no"]}
            await self._conn.execute(_INSERT_TERMS.encode(), terms)
        except errors.ProgramLimitExceeded as error:
            raise InvalidError("chunks: a chunk has more words than can be indexed.", "chunks") from error
        text_bytes = sum(len(storable(chunk.text).encode()) for chunk in chunks)
        await self._conn.execute(
            "UPDATE store_files SET status = 'completed', error_code = NULL, error_message = NULL, fingerprint = %s,"
            " language = %s, chunk_count = %s, vector_count = %s, usage_bytes = %s, indexed_at = now() WHERE no = %s",
            (
                fingerprint,
                language,
                len(chunks),
                len(rows),
                text_bytes + len(rows) * space.dimension * BYTES_PER_NUMBER,
                target["store_file_no"],
            ),
        )

    async def remove(self) -> int:
        """Removes the file's chunks and forgets that it was indexed; returns how many there were."""
        target = await self._target("simple")
        if target["space_no"] is not None:
            await self._delete(f"vectors_{target['space_no']}", target)
        await self._delete("chunk_terms", target)
        removed = await self._delete("chunks", target)
        await self._conn.execute(
            "UPDATE store_files SET fingerprint = NULL, chunk_count = 0, vector_count = 0, usage_bytes = 0,"
            " indexed_at = NULL WHERE no = %s",
            (target["store_file_no"],),
        )
        return removed

    async def _target(self, language: str) -> Row:
        target = await fetch_one(
            self._conn,
            _TARGET,
            {
                "tenant": self._scope.tenant,
                "store_id": self._store_id,
                "file_id": self._file_id,
                "language": language,
            },
        )
        if target is None:
            raise NotFoundError("vector store file", self._file_id)
        return target

    async def _claim_space(self, target: Row, space: EmbeddingSpace) -> int:
        """The number of `space`, which becomes the store's if it has none yet. Raises SpaceMismatchError."""
        wanted = await fetch_one(
            self._conn,
            "SELECT register_space(%(model)s, %(version)s, %(dimension)s) AS no",
            {"model": space.model, "version": space.version, "dimension": space.dimension},
        )
        assert wanted is not None
        if target["space_no"] is None:
            await self._conn.execute(
                "UPDATE stores SET space_no = %s WHERE no = %s AND space_no IS NULL",
                (wanted["no"], target["store_no"]),
            )
        current = await fetch_one(
            self._conn,
            "SELECT e.no, e.model, e.version, e.dimension FROM stores AS s"
            " JOIN embedding_spaces AS e ON e.no = s.space_no WHERE s.no = %(no)s",
            {"no": target["store_no"]},
        )
        assert current is not None
        if current["no"] != wanted["no"]:
            its = EmbeddingSpace(current["model"], current["version"], current["dimension"])
            raise SpaceMismatchError(
                f"Store '{self._store_id}' holds vectors of {its}; vectors of {space} do not compare with them."
            )
        return wanted["no"]

    async def _insert_chunks(self, target: Row, chunks: Sequence[Chunk]) -> dict[int, int]:
        """The new chunks' numbers by position."""
        numbers: dict[int, int] = {}
        for start in range(0, len(chunks), BATCH_ROWS):
            rows = [_chunk_row(start + i, chunk) for i, chunk in enumerate(chunks[start : start + BATCH_ROWS])]
            values = {
                "tenant": self._scope.tenant,
                "store_no": target["store_no"],
                "store_file_no": target["store_file_no"],
                "chunks": json.dumps(rows, ensure_ascii=False),
            }
            cursor = await self._conn.execute(_INSERT_CHUNKS, values)
            numbers.update(await cursor.fetchall())
        return numbers

    async def _delete(self, table: str, target: Row) -> int:
        cursor = await self._conn.execute(
            f"DELETE FROM {table} WHERE store_file_no = %s".encode(),  # noqa: S608
            (target["store_file_no"],),
        )
        return cursor.rowcount


async def insert_vectors(
    conn: AsyncConnection[Any], space_no: int, rows: Sequence[tuple[int, int, str, int, int, HalfVector]]
) -> None:
    """Rows of a space's table: chunk, window, tenant, store, file in the store, vector."""
    async with conn.cursor() as cursor:
        adapt(cursor)
        query = (
            f'INSERT INTO vectors_{space_no} (chunk_no, "window", tenant, store_no, store_file_no, embedding) '  # noqa: S608
            "VALUES (%s, %s, %s, %s, %s, %b::halfvec)"
        )
        for start in range(0, len(rows), BATCH_ROWS):
            await cursor.executemany(query.encode(), rows[start : start + BATCH_ROWS])


def _chunk_row(position: int, chunk: Chunk) -> dict[str, Any]:
    words = further_words(chunk.title, chunk.headings, chunk.text, chunk.metadata.get("words", ""))
    return {
        "position": position,
        "text": storable(chunk.text),
        "title": storable(chunk.title),
        "headings": [storable(heading) for heading in chunk.headings],
        "page": chunk.page,
        "page_end": chunk.page_end,
        "tokens": chunk.tokens,
        "metadata": _storable_json({**chunk.metadata, **({"words": words} if words else {})}),
    }


def _storable_json(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(key)): _storable_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_storable_json(inner) for inner in value]
    return value
