"""The outbox: carries feedback to the trace store in the background, as often as it takes, while it is fresh."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from psycopg import Error as PostgresError

from common.logs import get_logger
from common.metrics import counter, gauge
from common.postgres import Pool, tenant_transaction
from orchestrator.pipeline.callbacks import Callback, Feedback

log = get_logger("feedback")
FORWARDED = counter(
    "feedback_forwarded_total",
    "Feedback by what became of it on its way to the trace store",
    ["result"],
    at_zero=("forwarded", "retried", "refused", "given_up", "store_down"),
)
WAITING = gauge("feedback_outbox_jobs", "Feedback that waits to be taken to the trace store, of all replicas")
OLDEST = gauge("feedback_outbox_oldest_seconds", "For how long the oldest of it has been waiting")

# A trace appears in its store about two seconds after its answer, so the first tries come soon.
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 300.0
# Between looks for what has become due, in case another replica queued it or this one was restarted.
LOOK_EVERY_S = 5.0
# A claim that is not settled in this time (the process died) is taken up again by whoever looks next.
CLAIM_S = 60
BATCH = 20

_CLAIM = """
UPDATE feedback_outbox SET due_at = now() + make_interval(secs => %(claim_s)s), attempts = attempts + 1
WHERE feedback_id IN (
    SELECT feedback_id FROM feedback_outbox WHERE due_at <= now() ORDER BY due_at LIMIT %(batch)s
    FOR UPDATE SKIP LOCKED)
RETURNING feedback_id, tenant, attempts, extract(epoch FROM now() - queued_at)::float8
"""
_WAITING = "SELECT count(*), coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float8 FROM feedback_outbox"
_READ = "SELECT trace_id, author, user_id, value, rationale, revision FROM feedback WHERE id = %s"
# Someone who changed their mind meanwhile has queued it anew: then it stays queued.
_SETTLE = """
WITH settled AS (
    UPDATE feedback SET forwarded_at = CASE WHEN %(problem)s::text IS NULL THEN now() END, forward_error = %(problem)s
    WHERE id = %(id)s AND revision = %(revision)s RETURNING id)
DELETE FROM feedback_outbox WHERE feedback_id IN (SELECT id FROM settled)
"""
_RETRY = (
    "UPDATE feedback_outbox SET due_at = now() + make_interval(secs => %s) WHERE feedback_id = %s AND due_at > now()"
)


@dataclass(frozen=True)
class Assessment:
    """Feedback as the trace store gets it. `id` stays the same over retries and changes of mind."""

    id: str
    trace_id: str
    author: str
    user: str | None
    value: float | bool
    rationale: str | None
    revision: int


class NotYet(Exception):
    """It could not be delivered now; later it may."""


class Never(Exception):
    """The trace store refuses it for good."""


class Assessments(Protocol):
    """Where feedback goes."""

    async def put(self, assessment: Assessment) -> None:
        """Create it, or bring it up to date; doing so twice is doing so once. Raises NotYet or Never."""
        ...


class EachOf:
    """Several trace stores: delivered when all have it. Putting it twice changes nothing, so all are asked again."""

    def __init__(self, destinations: Sequence[Assessments]) -> None:
        self._destinations = destinations

    async def put(self, assessment: Assessment) -> None:
        """See Assessments; one that refuses for good does not keep it from the others."""
        refused: Never | None = None
        for destination in self._destinations:
            try:
                await destination.put(assessment)
            except Never as error:
                refused = error
        if refused is not None:
            raise refused


@dataclass(frozen=True)
class _Claim:
    feedback_id: str
    tenant: str
    attempts: int
    age_s: float


class Forwarder(Callback):
    """Empties the outbox; new feedback wakes it at once."""

    def __init__(
        self, pool: Pool, destination: Assessments, longest_age_s: float, redact: Callable[[str], str] = str
    ) -> None:
        """`redact` takes out of what people write what the trace store must not see."""
        self._pool = pool
        self._redact = redact
        self._destination = destination
        self._longest_age_s = longest_age_s
        self._wake = asyncio.Event()

    async def on_feedback(self, feedback: Feedback) -> None:
        """Look at once."""
        self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Forward while the context is open."""
        task = asyncio.create_task(self._run(), name="feedback-forwarder")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            pause = LOOK_EVERY_S
            try:
                pause = FIRST_RETRY_S if await self.forward_due() else LOOK_EVERY_S
            except PostgresError as error:
                FORWARDED.labels("store_down").inc()
                log.warning("outbox_unreachable", error=type(error).__name__)
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                continue

    async def forward_due(self) -> int:
        """Try everything that is due now; gives how many that were."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_CLAIM, {"claim_s": CLAIM_S, "batch": BATCH})).fetchall()
            waiting = await (await connection.execute(_WAITING)).fetchone()
        count, oldest_s = waiting or (0, 0.0)
        WAITING.set(count)
        OLDEST.set(oldest_s)
        for row in rows:
            await self._forward(_Claim(*row))
        return len(rows)

    async def _forward(self, claim: _Claim) -> None:
        assessment = await self._read(claim)
        if assessment is None:
            return
        try:
            await self._destination.put(assessment)
        except Never as error:
            FORWARDED.labels("refused").inc()
            await self._settle(claim, assessment.revision, f"refused: {error}")
        except NotYet as error:
            if claim.age_s > self._longest_age_s:
                FORWARDED.labels("given_up").inc()
                await self._settle(claim, assessment.revision, f"given up: {error}")
                return
            FORWARDED.labels("retried").inc()
            await self._retry(claim)
        else:
            FORWARDED.labels("forwarded").inc()
            await self._settle(claim, assessment.revision, None)

    async def _read(self, claim: _Claim) -> Assessment | None:
        async with tenant_transaction(self._pool, claim.tenant) as connection:
            row: tuple[Any, ...] | None = await (await connection.execute(_READ, (claim.feedback_id,))).fetchone()
        if row is None:
            return None
        trace_id, author, user, value, rationale, revision = row
        user, rationale = (text and self._redact(text) for text in (user, rationale))
        return Assessment(claim.feedback_id, trace_id, author, user, value, rationale, revision)

    async def _settle(self, claim: _Claim, revision: int, problem: str | None) -> None:
        if problem:
            log.error("feedback_not_forwarded", feedback=claim.feedback_id, problem=problem)
        values = {"id": claim.feedback_id, "revision": revision, "problem": problem and problem[:500]}
        async with tenant_transaction(self._pool, claim.tenant) as connection:
            await connection.execute(_SETTLE, values)

    async def _retry(self, claim: _Claim) -> None:
        pause = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2 ** min(claim.attempts - 1, 20))
        async with self._pool.connection() as connection:
            await connection.execute(_RETRY, (pause, claim.feedback_id))
