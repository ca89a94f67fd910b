"""Puts jobs into the queue (procrastinate's tables) inside the caller's own transaction."""

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

INGEST_QUEUE = "ingest"
INGEST_FILE = "ingest_file"
"""Arguments: tenant, store_id, file_id."""
DELETE_FILE = "delete_file"
"""Removes the bytes of a deleted file. Arguments: tenant, file_id, object_key."""

# procrastinate's own client defers through this function; its row type is (queue, task, priority, lock,
# queueing lock, arguments, scheduled at).
_DEFER = """
SELECT unnest(procrastinate_defer_jobs_v1(
    ARRAY[ROW(%s, %s, %s, %s, %s, %s, NULL)::procrastinate_job_to_defer_v1]))
"""


async def enqueue(
    conn: AsyncConnection[Any],
    task: str,
    args: Mapping[str, Any],
    *,
    lock: str | None = None,
    queueing_lock: str | None = None,
    queue: str = INGEST_QUEUE,
    priority: int = 0,
) -> int:
    """Queues one job and returns its id. It exists if and only if the surrounding transaction commits.

    Jobs of one `lock` run one after another, in the order queued.
    """
    cursor = await conn.execute(_DEFER, (queue, task, priority, lock, queueing_lock, Jsonb(dict(args))))
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
