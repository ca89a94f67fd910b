"""Removes a user or a tenant everywhere: database, files with their bytes, held and stored traces.

What stays, and is said: the audit log (no word of what was asked; whose key did what), the notes that a file was
deleted, backups, and evaluation's results, which are files of whoever made them.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from common.postgres import Pool, open_pool
from common.pseudonym import pseudonym
from observability.mlflow_traces import MlflowTraces
from vector_store.catalog import Catalog
from vector_store.errors import NotFoundError
from vector_store.models import Scope
from vector_store.operations import owner

PAGE = 100
LOOK_EVERY_S = 0.5
# Who did what, and that a file is gone: kept by intent, see above.
KEPT = ("audit_log", "deleted_files")
# Counts that the database keeps of other tables.
COUNTED = ("tenant_usage", "tenant_requests")

_TABLES = """
SELECT c.table_name
FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.column_name = 'tenant' AND c.table_name <> ALL(%s)
ORDER BY 1
"""
_BYTES = """
SELECT count(*) FROM procrastinate_jobs
WHERE task_name = 'delete_file' AND status IN ('todo', 'doing') AND args ->> 'tenant' = %s
"""
_OF_USER = {
    "feedback": "tenant = %(tenant)s AND (user_id = %(user)s OR author = %(user)s)",
    "trace_buffer": "tenant = %(tenant)s AND user_id = %(pseudonym)s",
}


@dataclass(frozen=True)
class Subject:
    """Whose data; `user` None: the whole tenant's."""

    tenant: str
    user: str | None

    @property
    def in_traces(self) -> str:
        """The condition for MLflow."""
        tenant = f"tags.`fairlead.tenant` = '{_quoted(self.tenant)}'"
        if self.user is None:
            return tenant
        return f"{tenant} AND tags.`fairlead.user` = '{pseudonym(self.tenant, self.user)}'"


@dataclass(frozen=True)
class Place:
    """What was found in one place, and what is left there now."""

    name: str
    found: int
    left: int


@dataclass(frozen=True)
class Stores:
    """Everything that may hold something. `traces` None: there is no MLflow."""

    owner_url: str
    app_url: str
    traces: MlflowTraces | None


async def erase(subject: Subject, stores: Stores, *, dry_run: bool, patience_s: float) -> list[Place]:
    """Remove it and look again; with `dry_run` only look. Raises Unreachable and what psycopg raises.

    The bytes of files are removed by the ingestion worker; they are waited for, for `patience_s`.
    """
    places: list[Place] = []
    async with owner(stores.owner_url) as conn:
        before = await _rows(conn, subject)
        if not dry_run:
            if subject.user is None:
                async with open_pool(stores.app_url, max_size=2) as pool:
                    await _files_and_stores(pool, subject.tenant)
            await _delete_rows(conn, subject)
        after = await _rows(conn, subject)
        places += [Place(f"database: {name}", count, after.get(name, 0)) for name, count in before.items()]
        if subject.user is None:
            waiting = await _until_none(lambda: _bytes(conn, subject.tenant), 0.0 if dry_run else patience_s)
            places.append(Place("files whose bytes are still to be removed", waiting, waiting))
    if stores.traces is not None:
        found = await stores.traces.found(subject.in_traces)
        if not dry_run:
            await stores.traces.delete(found)
        left = await stores.traces.found(subject.in_traces)
        places.append(Place("MLflow: traces", len(found), len(left)))
    return places


async def _files_and_stores(pool: Pool, tenant: str) -> None:
    """By the catalogue's own ways, which queue the removal of bytes and keep the counts of words."""
    catalog, scope = Catalog(pool), Scope(tenant, None, "operator")
    while files := (await catalog.list_files(scope, limit=PAGE)).data:
        for file in files:
            await _gone(catalog.delete_file(scope, file.id))
    while stores := (await catalog.list_stores(scope, limit=PAGE)).data:
        for store in stores:
            await _gone(catalog.delete_store(scope, store.id))


async def _gone(deletion: Awaitable[None]) -> None:
    try:
        await deletion
    except NotFoundError:
        return  # somebody else deleted it meanwhile


async def _rows(conn: AsyncConnection[Any], subject: Subject) -> dict[str, int]:
    counted: dict[str, int] = {}
    for table, condition in (await _conditions(conn, subject)).items():
        query = f'SELECT count(*) FROM "{table}" WHERE {condition}'  # noqa: S608 - names of our own schema
        counted[table] = await _one(conn, query, _params(subject))
    return counted


async def _delete_rows(conn: AsyncConnection[Any], subject: Subject) -> None:
    for table, condition in (await _conditions(conn, subject)).items():
        await conn.execute(f'DELETE FROM "{table}" WHERE {condition}', _params(subject))  # noqa: S608  # pyright: ignore
    if subject.user is None:
        for table in COUNTED:
            await conn.execute(f'DELETE FROM "{table}" WHERE tenant = %s', (subject.tenant,))  # noqa: S608  # pyright: ignore


async def _conditions(conn: AsyncConnection[Any], subject: Subject) -> dict[str, str]:
    if subject.user is not None:
        return _OF_USER
    rows = await (await conn.execute(_TABLES, ([*KEPT, *COUNTED],))).fetchall()
    return {str(_first(row)): "tenant = %(tenant)s" for row in rows}


def _params(subject: Subject) -> dict[str, str]:
    user = subject.user or ""
    return {"tenant": subject.tenant, "user": user, "pseudonym": pseudonym(subject.tenant, user)}


async def _bytes(conn: AsyncConnection[Any], tenant: str) -> int:
    return await _one(conn, _BYTES, (tenant,))


async def _one(conn: AsyncConnection[Any], query: str, params: Any) -> int:
    row = await (await conn.execute(query, params)).fetchone()  # pyright: ignore
    assert row is not None
    return int(_first(row))


def _first(row: Any) -> Any:
    return next(iter(row.values())) if isinstance(row, dict) else row[0]


async def _until_none(count: Callable[[], Awaitable[int]], patience_s: float) -> int:
    until = time.monotonic() + patience_s
    while left := await count():
        if time.monotonic() >= until:
            return left
        await asyncio.sleep(LOOK_EVERY_S)
    return 0


def _quoted(text: str) -> str:
    return text.replace("'", "''")
