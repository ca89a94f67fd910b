"""The trace buffer in Postgres: traces that were not kept, for a day, oldest out first when there are too many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.postgres import Pool, tenant_transaction
from observability.metrics import HELD_BYTES, HELD_SPANS, count
from observability.piece import Piece
from observability.settings import BufferSettings

# After a failure a trace is tried again in this time; a claim of a process that died is free again then, too.
RETRY_S = 10
BATCH = 20

_HOLD = """
INSERT INTO trace_buffer (tenant, trace_id, user_id, digest, spans, content)
VALUES (%(tenant)s, %(trace_id)s, %(user)s, %(digest)s, %(spans)s, %(content)s)
ON CONFLICT (trace_id, digest) DO NOTHING
"""
# A trace that was asked for before it came, or that has more to send, is due now.
_WAKE = "UPDATE trace_promotions SET due_at = now() WHERE tenant = %s AND trace_id = %s"
_CLAIM = """
UPDATE trace_promotions SET due_at = now() + make_interval(secs => %(retry_s)s)
WHERE (tenant, trace_id) IN (
    SELECT tenant, trace_id FROM trace_promotions WHERE due_at <= now() ORDER BY due_at LIMIT %(batch)s
    FOR UPDATE SKIP LOCKED)
RETURNING tenant, trace_id, due_at
"""
_READ = "SELECT no, spans, content FROM trace_buffer WHERE trace_id = %s ORDER BY no"
_REMOVE = "DELETE FROM trace_buffer WHERE no = ANY(%s)"
# Nothing more to do until further spans arrive; if they did meanwhile, the claim is no longer the last word.
_REST = "UPDATE trace_promotions SET due_at = 'infinity' WHERE tenant = %s AND trace_id = %s AND due_at = %s"
_TRIM = "SELECT expired, overflowed FROM trim_trace_buffer(make_interval(secs => %s), %s, %s)"


@dataclass(frozen=True)
class Promotion:
    """A trace that is to be stored after all, claimed until `due_at`."""

    tenant: str
    trace_id: str
    due_at: datetime


@dataclass(frozen=True)
class Held:
    """What is held of a trace."""

    numbers: Sequence[int]
    spans: int
    contents: Sequence[bytes]


class TraceBuffer:
    """Holds, finds and forgets traces."""

    def __init__(self, pool: Pool, settings: BufferSettings) -> None:
        self._pool = pool
        self._limits = (settings.buffer_hours * 3600, settings.buffer_max_bytes, settings.buffer_max_rows)

    async def hold(self, pieces: Sequence[Piece]) -> None:
        """Keep them; what is held already stays as it is. Raises psycopg's errors, and may then be called again.

        What says no tenant belongs to no answer, so nobody can complain about it: it is counted and forgotten.
        """
        by_tenant: dict[str, list[Piece]] = {}
        for piece in pieces:
            tenant = piece.tenant or await self._tenant(piece.trace_id)
            if tenant is None:
                count("of_no_tenant", piece.spans)
            else:
                by_tenant.setdefault(tenant, []).append(piece)
        for tenant, of_tenant in by_tenant.items():
            async with tenant_transaction(self._pool, tenant) as connection:
                new: list[bool] = []
                for piece in of_tenant:
                    row = {**vars(piece), "tenant": tenant}
                    new.append((await connection.execute(_HOLD, row)).rowcount == 1)
                    await connection.execute(_WAKE, (tenant, piece.trace_id))
            for piece, is_new in zip(of_tenant, new, strict=True):
                count("held" if is_new else "repeated", piece.spans)

    async def claim(self) -> list[Promotion]:
        """Traces to send now; each is this process's own for a while."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_CLAIM, {"retry_s": RETRY_S, "batch": BATCH})
            return [Promotion(*row) for row in await cursor.fetchall()]

    async def read(self, promotion: Promotion) -> Held:
        """What is held of it; possibly nothing."""
        async with tenant_transaction(self._pool, promotion.tenant) as connection:
            rows = await (await connection.execute(_READ, (promotion.trace_id,))).fetchall()
        return Held([row[0] for row in rows], sum(row[1] for row in rows), [bytes(row[2]) for row in rows])

    async def settle(self, promotion: Promotion, sent: Held) -> None:
        """It has been sent: forget it, but remember the promotion for spans that come late."""
        async with tenant_transaction(self._pool, promotion.tenant) as connection:
            await connection.execute(_REMOVE, (list(sent.numbers),))
            await connection.execute(_REST, (promotion.tenant, promotion.trace_id, promotion.due_at))
        count("promoted", sent.spans)

    async def trim(self) -> None:
        """Forget what is too old or too much, and count how much is left."""
        async with self._pool.connection() as connection:
            expired, overflowed = await _row(connection, _TRIM, self._limits)
            spans, held_bytes = await _row(connection, "SELECT spans, bytes FROM trace_buffer_size()", ())
        count("expired", expired)
        count("overflowed", overflowed)
        HELD_SPANS.set(spans)
        HELD_BYTES.set(held_bytes)

    async def check(self) -> None:
        """Raise unless the table is there and answers."""
        async with self._pool.connection() as connection:
            await connection.execute("SELECT FROM trace_promotions LIMIT 1")

    async def _tenant(self, trace_id: str) -> str | None:
        async with self._pool.connection() as connection:
            (tenant,) = await _row(connection, "SELECT trace_buffer_tenant(%s)", (trace_id,))
        return tenant


async def _row(connection: Any, query: str, values: Sequence[Any]) -> Any:
    return await (await connection.execute(query, values)).fetchone()
