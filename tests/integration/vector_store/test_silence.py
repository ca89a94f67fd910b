"""A database that stands still, neither down nor answering: every wait for it ends, and nothing of it stays."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg import OperationalError

from common import postgres
from common.postgres import Pool, open_pool, tenant_transaction
from conftest import Database


async def backend(pool: Pool) -> int:
    """Process of the server behind the pool's connection."""
    async with pool.connection() as connection:
        row = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
    assert row
    return int(row[0])


@contextmanager
def standing_still(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


async def test_a_statement_without_an_answer_ends_and_the_next_gets_another_connection(database: Database) -> None:
    async with open_pool(database.app_url, max_size=1) as pool:
        process = await backend(pool)
        with pytest.raises(OperationalError, match=r"did not answer within 0\.5 s"):
            async with tenant_transaction(pool, "default", silence_s=0.5) as connection:
                with standing_still(process):
                    await connection.execute("SELECT 1")
        async with asyncio.timeout(60), tenant_transaction(pool, "default") as connection:
            await connection.execute("SELECT 1")
        assert await backend(pool) != process


async def test_a_connection_that_stands_still_is_not_handed_out(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_pool(database.app_url, max_size=1) as pool:
        process = await backend(pool)
        monkeypatch.setattr(postgres, "ACQUIRE_TIMEOUT_S", 0.5)
        with standing_still(process):
            # The first may be refused while the pool makes another connection.
            async with asyncio.timeout(60):
                while True:
                    try:
                        assert await backend(pool) != process
                        break
                    except OperationalError:
                        continue
