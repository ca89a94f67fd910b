"""The Postgres pool, and transactions that belong to one tenant (row-level security reads the tenant from them)."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from psycopg import AsyncConnection, OperationalError
from psycopg_pool import AsyncConnectionPool

from common.sql_spans import TracedCursor

# How long a request waits for a free connection before it is refused, and a connection attempt may take.
ACQUIRE_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 5
# No statement of the platform's own should run longer; a runaway query must not hold a connection for ever.
STATEMENT_TIMEOUT_MS = 60_000
# A server that stands still ends no statement of its own accord: then the wait for it ends here.
SILENCE_S = STATEMENT_TIMEOUT_MS / 1000 + 5
# The same for what a question waits for, which takes milliseconds.
READ_SILENCE_S = 15.0


class Connection(AsyncConnection[Any]):
    """A connection whose waits for the server end: OperationalError after `silence_s` without an answer."""

    silence_s = SILENCE_S

    async def wait(self, *arguments: Any, **options: Any) -> Any:
        """See AsyncConnection; everything that is asked of the server waits here."""
        try:
            async with asyncio.timeout(self.silence_s):
                return await super().wait(*arguments, **options)
        except TimeoutError:
            raise OperationalError(f"the database did not answer within {self.silence_s:g} s") from None

    @contextmanager
    def patient(self, seconds: float) -> Generator[None]:
        """Wait so long while the context is open."""
        self.silence_s = seconds
        try:
            yield
        finally:
            self.silence_s = SILENCE_S


Pool = AsyncConnectionPool[Connection]


@asynccontextmanager
async def open_pool(url: str, *, min_size: int = 1, max_size: int = 10) -> AsyncGenerator[Pool]:
    """A connection pool that opens in the background, so that a service starts while its database is away.

    Prepared statements are off: retrieval must be planned for the values at hand, as a cached plan picks
    one index for all.
    """
    pool: Pool = AsyncConnectionPool(
        url,
        connection_class=Connection,
        min_size=min_size,
        max_size=max_size,
        timeout=ACQUIRE_TIMEOUT_S,
        max_waiting=max_size * 20,
        reconnect_timeout=30.0,
        open=False,
        check=_check,
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
    pool: Pool, tenant: str, groups: Sequence[str] = (), *, silence_s: float = SILENCE_S
) -> AsyncGenerator[AsyncConnection[Any]]:
    """A transaction that sees and writes rows of `tenant` alone; `groups` opens documents restricted to them.

    OperationalError when the server answers nothing for `silence_s` seconds.
    """
    async with pool.connection() as connection:
        with connection.patient(silence_s):
            async with connection.transaction():
                await connection.execute(
                    "SELECT set_config('fairlead.tenant', %s, true), set_config('fairlead.groups', %s, true)",
                    (tenant, ",".join(groups)),
                )
                yield connection


async def ping(pool: Pool) -> None:
    """Raise unless the database answers."""
    async with pool.connection(timeout=2.0) as connection:
        await connection.execute("SELECT 1")


async def _check(connection: Connection) -> None:
    """Raise unless the connection is of use; a server that stands still is none."""
    with connection.patient(ACQUIRE_TIMEOUT_S):
        await AsyncConnectionPool.check_connection(connection)
