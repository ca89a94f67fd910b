"""The ledger in Postgres, for processes on several machines. Its table comes with the platform's migrations."""

import asyncio
import json

import psycopg

from common.postgres import Pool
from llm_proxy.ledger import Account, Draw, Grant, LedgerError

# A draw waits for its turn at one row; longer than this something is wrong with the database.
DRAW_TIMEOUT_S = 5.0


class PostgresLedger:
    """One row for each account, locked while it is drawn from. Rows of minutes and months are used again."""

    slices = 50

    def __init__(self, pool: Pool, owner: str) -> None:
        self._pool = pool
        self._owner = owner

    async def draw(self, draw: Draw) -> Grant:
        """See Ledger. The database's clock tells who is dead, so that clocks of machines need not agree."""
        try:
            async with asyncio.timeout(DRAW_TIMEOUT_S), self._pool.connection() as connection:
                await connection.execute(
                    "INSERT INTO caller_ledger (account) VALUES (%s) ON CONFLICT DO NOTHING", (draw.account,)
                )
                cursor = await connection.execute(
                    "SELECT period, spent, held, extract(epoch FROM clock_timestamp())::float8"
                    " FROM caller_ledger WHERE account = %s FOR UPDATE",
                    (draw.account,),
                )
                row = await cursor.fetchone()
                assert row is not None
                account = Account.from_json({"period": row[0], "spent": row[1], "held": row[2]})
                grant = account.draw(self._owner, draw, row[3])
                await connection.execute(
                    "UPDATE caller_ledger SET period = %s, spent = %s, held = %s WHERE account = %s",
                    (account.period, account.spent, json.dumps(account.held), draw.account),
                )
        except (psycopg.Error, TimeoutError, ValueError) as error:
            # The message may hold the database's address: only its kind leaves this place.
            raise LedgerError(f"the ledger's database does not answer ({type(error).__name__})") from error
        return grant
