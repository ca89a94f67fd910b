"""Takes changes of API keys from the key file's journal into the audit log, each once, whichever replica sees it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from common import key_journal
from common.key_journal import KeyChange
from common.logs import get_logger
from common.metrics import counter
from vector_store.audit import Audit
from vector_store.audit_events import AuditEvent, tell

log = get_logger("key_changes")
FAILED = counter("key_journal_failures_total", "Looks at the journal of key changes that failed; the next look retries")

LOOK_EVERY_S = 2.0
# What is older was taken up long ago; the log may have been cleared of it since.
LONGEST_AGE = timedelta(days=7)


@asynccontextmanager
async def followed(key_file: Path | None, audit: Audit) -> AsyncGenerator[None]:
    """Take changes up while the context is open."""
    if key_file is None:
        yield
        return
    task = asyncio.create_task(_follow(key_file, audit), name="key-changes")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _follow(key_file: Path, audit: Audit) -> None:
    taken: set[str] = set()
    while True:
        try:
            for change in await asyncio.to_thread(key_journal.read, key_file):
                if change.id not in taken:
                    if change.at > datetime.now(UTC) - LONGEST_AGE:
                        await _take(audit, change)
                    taken.add(change.id)
        except (psycopg.Error, OSError) as error:
            FAILED.inc()
            log.warning("key_changes_wait", error=type(error).__name__)
        await asyncio.sleep(LOOK_EVERY_S)


async def _take(audit: Audit, change: KeyChange) -> None:
    about = {"key": change.key, "name": change.name, "groups": list(change.groups), "lane": change.lane}
    if change.expires_at is not None:
        about["expires_at"] = change.expires_at.isoformat()
    event = AuditEvent(
        change.tenant, change.action, "operator", change.by, details=about, request_id=None, id=change.id, at=change.at
    )
    if await audit.add(change.tenant, [event]):
        tell(event)
