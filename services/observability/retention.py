"""Removes feedback and stored traces that have served their time; the trace buffer clears itself."""

import time
from dataclasses import dataclass

from observability.mlflow_traces import MlflowTraces
from vector_store.operations import owner

DAY_S = 86_400
ROWS_AT_ONCE = 5_000

_OLD = """
DELETE FROM feedback WHERE no IN (
    SELECT no FROM feedback WHERE updated_at < now() - make_interval(days => %s) LIMIT %s)
"""


@dataclass(frozen=True)
class Removed:
    """How much went; None where there was nowhere to look."""

    feedback: int
    traces: int | None


async def retain(owner_url: str, traces: MlflowTraces | None, feedback_days: int, traces_days: int) -> Removed:
    """Keep only what is younger. Raises Unreachable and what psycopg raises."""
    removed = 0
    async with owner(owner_url) as conn:
        while True:
            some = (await conn.execute(_OLD, (feedback_days, ROWS_AT_ONCE))).rowcount
            removed += some
            if some < ROWS_AT_ONCE:
                break
    before_ms = int((time.time() - traces_days * DAY_S) * 1000)
    return Removed(removed, None if traces is None else await traces.delete_before(before_ms))
