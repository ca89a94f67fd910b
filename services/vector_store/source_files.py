"""What a sync needs to know of a source's files: which there are, and the version that each was last in step with."""

from dataclasses import dataclass

from vector_store.fields import MAX_PAIRS, MAX_VALUE_LENGTH
from vector_store.models import Scope
from vector_store.tables import TenantTables, fetch_all

_LABEL = """
UPDATE store_files AS sf
SET attributes = sf.attributes || said.what
FROM files AS f, stores AS s,
     LATERAL (SELECT jsonb_build_object('source', %(label)s::text, 'source_path',
                                        left(f.source_path, %(length)s)) AS what) AS said
WHERE f.no = sf.file_no AND s.no = sf.store_no AND s.tenant = %(tenant)s AND s.id = %(store_id)s
  AND f.tenant = %(tenant)s AND f.source = %(source)s AND NOT sf.attributes @> said.what
  AND (sf.attributes ?& ARRAY['source', 'source_path']
       OR (SELECT count(*) FROM jsonb_object_keys(sf.attributes)) <= %(room)s)
RETURNING sf.no
"""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source. `version` is None while a change of it is not completely recorded."""

    file_id: str
    path: str
    sha256: str
    bytes: int
    version: str | None


class SourceFiles(TenantTables):
    async def files_of_source(self, scope: Scope, source: str) -> dict[str, SourceFile]:
        """The source's files by their path in it."""
        async with self._transaction(scope) as conn:
            rows = await fetch_all(
                conn,
                "SELECT id AS file_id, source_path AS path, sha256, bytes, source_version AS version FROM files"
                " WHERE tenant = %(tenant)s AND source = %(source)s",
                {"tenant": scope.tenant, "source": source},
            )
        return {row["path"]: SourceFile(**row) for row in rows}

    async def set_source_version(self, scope: Scope, file_id: str, version: str | None) -> None:
        """Notes what the file is in step with; a file that is gone is not an error."""
        async with self._transaction(scope) as conn:
            await conn.execute(
                "UPDATE files SET source_version = %s WHERE tenant = %s AND id = %s", (version, scope.tenant, file_id)
            )

    async def label_source_files(self, scope: Scope, store_id: str, source: str, label: str) -> int:
        """Has all files of the source say in their attributes where they are from; returns how many did not.

        Those whose attributes are full, by their owner's doing, stay as they are.
        """
        params = {
            "tenant": scope.tenant,
            "store_id": store_id,
            "source": source,
            "label": label[:MAX_VALUE_LENGTH],
            "room": MAX_PAIRS - 2,
            "length": MAX_VALUE_LENGTH,
        }
        async with self._transaction(scope) as conn:
            return len(await fetch_all(conn, _LABEL, params))

    async def source_names(self, scope: Scope, prefix: str) -> list[str]:
        """The sources that the tenant has files of, those whose names begin with `prefix`."""
        async with self._transaction(scope) as conn:
            rows = await fetch_all(
                conn,
                "SELECT DISTINCT source FROM files WHERE tenant = %(tenant)s AND starts_with(source, %(prefix)s)"
                " ORDER BY source",
                {"tenant": scope.tenant, "prefix": prefix},
            )
        return [row["source"] for row in rows]
