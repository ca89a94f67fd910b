"""What the catalog's parts share: a transaction of a tenant, rows by column name, and pages of a list."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from common.postgres import SILENCE_S, Pool, tenant_transaction
from vector_store.audit_events import AuditEvent, insert, tell
from vector_store.fields import MAX_PAGE, check_limit
from vector_store.models import Order, Page, Scope

T = TypeVar("T")
Row = dict[str, Any]

UNCHANGED: Final[Any] = object()
"""Marks a field that an update leaves as it is (None is a value)."""


class TenantTables:
    """Base of the catalog's parts."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def _transaction(self, scope: Scope, *, silence_s: float = SILENCE_S) -> AsyncIterator[AsyncConnection[Any]]:
        async with tenant_transaction(self._pool, scope.tenant, scope.groups or (), silence_s=silence_s) as conn:
            yield conn

    @asynccontextmanager
    async def _audited(self, scope: Scope, action: str, **fields: Any) -> AsyncIterator[AsyncConnection[Any]]:
        """A transaction that goes into the audit log if, and only if, it is committed."""
        event = AuditEvent.of(scope, action, **fields)
        async with self._transaction(scope) as conn:
            yield conn
            await insert(conn, [event])
        tell(event)


async def fetch_all(conn: AsyncConnection[Any], query: str, params: Mapping[str, Any]) -> list[Row]:
    """All rows. `query` is always this package's own text; values travel in `params`."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query.encode(), params)
        return await cursor.fetchall()


async def fetch_one(conn: AsyncConnection[Any], query: str, params: Mapping[str, Any]) -> Row | None:
    """The first row, if any."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query.encode(), params)
        return await cursor.fetchone()


@dataclass(frozen=True, slots=True)
class Listing:
    """A query to be listed page by page: it ends in a WHERE clause, and `key` is the unique column it is ordered by."""

    query: str
    params: Mapping[str, Any]
    key: str


async def fetch_page(
    conn: AsyncConnection[Any],
    listing: Listing,
    read: Callable[[Row], T],
    identify: Callable[[T], str],
    *,
    limit: int,
    order: Order,
    after: Any = None,
    before: Any = None,
    most: int = MAX_PAGE,
) -> Page[T]:
    """The page that follows `after`, or the one that ends at `before`; both are values of the key."""
    size = check_limit(limit, most)
    backwards = before is not None and after is None
    conditions: list[str] = []
    if after is not None:
        conditions.append(f"{listing.key} {'>' if order == 'asc' else '<'} %(after)s")
    if before is not None:
        conditions.append(f"{listing.key} {'<' if order == 'asc' else '>'} %(before)s")
    ascending = (order == "asc") != backwards
    query = " AND ".join([listing.query, *conditions]) + (
        f" ORDER BY {listing.key} {'ASC' if ascending else 'DESC'} LIMIT %(rows)s"
    )
    params = {**listing.params, "after": after, "before": before, "rows": size + 1}
    rows = await fetch_all(conn, query, params)
    items = [read(row) for row in rows[:size]]
    if backwards:
        items.reverse()
    return page_of(items, len(rows) > size, identify)


def page_of(items: Sequence[T], has_more: bool, identify: Callable[[T], str]) -> Page[T]:
    first, last = (identify(items[0]), identify(items[-1])) if items else (None, None)
    return Page(items, has_more, first, last)
