"""The Postgres pool, and transactions that belong to one tenant (row-level security reads the tenant from them)."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from common.sql_spans import TracedCursor

# How long a request waits for a free connection before it is refused, and a connection attempt may take.
ACQUIRE_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5
# No statement of the platform's own should run longer; a runaway query must not hold a connection for ever.
STATEMENT_TIMEOUT_MS = 60_000

Pool = AsyncConnectionPool[AsyncConnection[Any]]


@asynccontextmanager
async def open_pool(url: str, *, min_size: int = 1, max_size: int = 10) -> AsyncGenerator[Pool]:
    """A connection pool that opens in the background, so that a service starts while its database is away.

    Prepared statements are off: retrieval must be planned for the values at hand, as a cached plan picks
    one index for all.
    """
    pool: Pool = AsyncConnectionPool(
        url,
        min_size=min_size,
        max_size=max_size,
        timeout=ACQUIRE_TIMEOUT_S,
        max_waiting=max_size * 20,
        reconnect_timeout=30.0,
        open=False,
        check=AsyncConnectionPool.check_connection,
        kwargs={
            "prepare_threshold": None,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "cursor_factory": TracedCursor,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c idle_in_transaction_session_timeout=60000",
        },
    )
    await pool.open(wait=False)
    try:
        yield pool
    finally:
        await pool.close(timeout=5.0)


@asynccontextmanager
async def tenant_transaction(
    pool: Pool, tenant: str, groups: Sequence[str] = ()
) -> AsyncGenerator[AsyncConnection[Any]]:
    """A transaction that sees and writes rows of `tenant` alone; `groups` opens documents restricted to them."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(
            "SELECT set_config('fairlead.tenant', %s, true), set_config('fairlead.groups', %s, true)",
            (tenant, ",".join(groups)),
        )
        yield connection


async def ping(pool: Pool) -> None:
    """Raise unless the database answers."""
    async with pool.connection(timeout=2.0) as connection:
        await connection.execute("SELECT 1")
