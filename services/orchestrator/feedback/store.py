"""Feedback in Postgres: one word per person on an answer, the last one counts."""

from dataclasses import dataclass

from psycopg.types.json import Jsonb

from common.ids import new_id
from common.postgres import Pool, tenant_transaction

_SAVE = """
INSERT INTO feedback (id, tenant, trace_id, author, user_id, value, rationale)
VALUES (%(id)s, %(tenant)s, %(trace_id)s, %(author)s, %(user)s, %(value)s, %(rationale)s)
ON CONFLICT (tenant, trace_id, author) DO UPDATE SET
    value = excluded.value, rationale = excluded.rationale, user_id = excluded.user_id,
    revision = feedback.revision + 1, updated_at = now(), forwarded_at = NULL, forward_error = NULL
RETURNING id, extract(epoch FROM created_at)::bigint
"""
_QUEUE = """
INSERT INTO feedback_outbox (feedback_id, tenant) VALUES (%s, %s)
ON CONFLICT (feedback_id) DO UPDATE SET queued_at = now(), due_at = now(), attempts = 0
"""
# Somebody is unhappy: the trace is wanted, also where only a share is stored. The trace buffer works these off and
# clears them after a day; where there is none, each new one clears those before.
_PROMOTE = """
WITH cleared AS (DELETE FROM trace_promotions WHERE requested_at < now() - interval '1 day')
INSERT INTO trace_promotions (tenant, trace_id) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Word:
    """What someone said. `value`: True and False are thumbs up and down, a number is a rating."""

    trace_id: str
    author: str
    value: float | bool
    rationale: str | None
    user: str | None


class FeedbackStore:
    """Keeps feedback; in the same transaction a thumbs-down asks for its trace to be stored, and with `forwards` the
    feedback itself is queued for the trace store."""

    def __init__(self, pool: Pool, *, forwards: bool) -> None:
        self._pool = pool
        self._forwards = forwards

    async def save(self, tenant: str, word: Word) -> tuple[str, int]:
        """Keep it; gives its id and when the person first judged this answer (Unix seconds)."""
        values = {
            "id": new_id("fb_"),
            "tenant": tenant,
            "trace_id": word.trace_id,
            "author": word.author,
            "user": word.user,
            "value": Jsonb(word.value),
            "rationale": word.rationale,
        }
        async with tenant_transaction(self._pool, tenant) as connection:
            row = await (await connection.execute(_SAVE, values)).fetchone()
            assert row is not None
            if word.value is False:
                await connection.execute(_PROMOTE, (tenant, word.trace_id))
            if self._forwards:
                await connection.execute(_QUEUE, (row[0], tenant))
        return str(row[0]), int(row[1])
