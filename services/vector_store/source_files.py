"""What a sync needs to know of a source's files: which there are, and the version that each was last in step with."""

from dataclasses import dataclass

from vector_store.models import Scope
from vector_store.tables import TenantTables, fetch_all


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
