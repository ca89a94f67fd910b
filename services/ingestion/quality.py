"""What documents are like, against what documents of the same source usually are: a control chart kept in Postgres.

Documents are taken in windows of 20. The mean of a closed window is compared with the mean and the standard deviation
of the windows before it; all workers add to the same windows, and a restart forgets nothing. A change that lasts
becomes usual after some dozens of windows.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager

import psycopg
import psycopg_pool

from common.logs import get_logger
from common.metrics import OTHER, counter, gauge, histogram, powers
from common.postgres import Pool
from ingestion.failures import Reason
from ingestion.prepare import Prepared
from ingestion.tunables import IngestionTunables
from vector_store.models import File

log = get_logger("quality")

WINDOW = 20
# Share that a new window has in what is usual: about the last fifty count.
GAIN = 0.04
# Before so many windows nothing is usual yet.
LEAST_WINDOWS = 6
# Where documents hardly differ a band of three deviations would be a hair: a deviation is never taken for less than
# this part of the mean, and that of a share never for less than this.
LEAST_DEVIATION = 0.05
READ_EVERY_S = 15.0
UPLOADS = "uploads"
SHARES = ("without_text", "without_title", "without_language")
# A file without text is one whose reading ended in one of these.
TEXTLESS = (Reason.EMPTY, Reason.NO_TEXT)

BYTES = histogram("ingest_document_bytes", "Size of documents that were indexed", buckets=powers(8, 28))
CHARACTERS = histogram("ingest_document_characters", "Length of the text in documents", buckets=powers(4, 24))
CHUNKS = histogram("ingest_document_chunks", "Passages of a document", buckets=powers(0, 14))
ROWS = histogram("ingest_document_rows", "Rows of the tables in documents that have some", buckets=powers(0, 20))
LACKING = counter(
    "ingest_documents_lacking_total",
    "Documents without a text, a title or a language",
    ["lacking"],
    at_zero=[share.removeprefix("without_") for share in SHARES],
)

BAND = ["tenant", "source", "measure"]
RECENT = gauge("ingest_quality_recent", f"Mean of the last {WINDOW} documents of a source", BAND)
USUAL = gauge("ingest_quality_usual", "What that mean usually is, over the windows before the last", BAND)
DEVIATION = gauge("ingest_quality_deviation", "Standard deviation of those windows' means", BAND)
LOST = counter("ingest_quality_lost_total", "Documents that are missing from the control chart: the database was away")

_NOTE = "SELECT note_quality(%s, %s, %s, %s, %s, %s)"
_READ = "SELECT tenant, source, measure, windows, recent, usual, variance FROM ingest_quality WHERE windows > 0"
AWAY = (psycopg.Error, psycopg_pool.PoolTimeout, psycopg_pool.TooManyRequests, OSError)


class Quality:
    """Counts documents, and shows how they compare with those before."""

    def __init__(self, pool: Pool, tunables: Callable[[], IngestionTunables]) -> None:
        self._pool = pool
        self._tunables = tunables
        self._shown: set[tuple[str, str, str]] = set()

    async def indexed(self, file: File, prepared: Prepared) -> None:
        """One more document is in the index."""
        values = measured(file, prepared)
        BYTES.observe(values["bytes"])
        CHARACTERS.observe(values["characters"])
        CHUNKS.observe(values["chunks"])
        if values["rows"]:
            ROWS.observe(values["rows"])
        for lacking in SHARES:
            LACKING.labels(lacking.removeprefix("without_")).inc(values[lacking])
        await self._note(file, values)

    async def failed(self, file: File, reason: Reason) -> None:
        """A document could not be read; it counts where that is because it has no text."""
        if reason in TEXTLESS:
            LACKING.labels("text").inc()
            await self._note(file, {"without_text": 1.0})

    @asynccontextmanager
    async def shown(self) -> AsyncGenerator[None]:
        """Keep the gauges up to date while the context is open."""
        task = asyncio.create_task(self._show_on(), name="quality")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def show(self) -> None:
        """Read the chart; raises the database's errors."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_READ)).fetchall()
        allowed = {(source.tenant, source.shown_name) for source in self._tunables().sources} | {(OTHER, UPLOADS)}
        now: set[tuple[str, str, str]] = set()
        for tenant, source, measure, windows, recent, usual, variance in rows:
            if (tenant, source) not in allowed:
                continue
            labels = (tenant, source, measure)
            now.add(labels)
            RECENT.labels(*labels).set(recent)
            if windows >= LEAST_WINDOWS:
                USUAL.labels(*labels).set(usual)
                DEVIATION.labels(*labels).set(deviation(measure, usual, variance))
        for labels in self._shown - now:
            for band in (RECENT, USUAL, DEVIATION):
                band.remove(*labels)
        self._shown = now

    async def _show_on(self) -> None:
        while True:
            try:
                await self.show()
            except AWAY as error:
                log.warning("quality_not_read", error=type(error).__name__)
            await asyncio.sleep(READ_EVERY_S)

    async def _note(self, file: File, values: Mapping[str, float]) -> None:
        tenant, source = self._place(file)
        try:
            async with self._pool.connection() as connection:
                given = (tenant, source, list(values), list(values.values()), WINDOW, GAIN)
                await connection.execute(_NOTE, given)
        except AWAY as error:
            # The document is in the index; that it is missing from a chart is no reason to read it again.
            LOST.inc()
            log.warning("quality_not_noted", error=type(error).__name__)

    def _place(self, file: File) -> tuple[str, str]:
        for source in self._tunables().sources:
            if source.tenant == file.tenant and source.name == file.source:
                return source.tenant, source.shown_name
        return OTHER, UPLOADS


def measured(file: File, prepared: Prepared) -> dict[str, float]:
    """A document in numbers."""
    return {
        "bytes": float(file.bytes),
        "characters": float(max(passage.end for passage in prepared.passages)),
        "chunks": float(len(prepared.passages)),
        "rows": float(sum(last - first + 1 for first, last in (p.rows for p in prepared.passages if p.rows))),
        "without_text": 0.0,
        "without_title": float(not prepared.title),
        "without_language": float(not prepared.language),
    }


def deviation(measure: str, usual: float, variance: float) -> float:
    """The standard deviation, as far as it is told apart from none."""
    least = LEAST_DEVIATION if measure in SHARES else LEAST_DEVIATION * abs(usual)
    return max(math.sqrt(max(0.0, variance)), least)
