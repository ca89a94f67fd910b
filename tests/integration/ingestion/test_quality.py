"""The control chart of documents: what is usual is what statistics say, and what is unusual stands out of the band."""

import random
import statistics
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import REGISTRY

from common.postgres import Pool, open_pool
from conftest import Database
from ingestion.chunk import Passage
from ingestion.failures import Reason
from ingestion.prepare import Prepared
from ingestion.quality import GAIN, LEAST_DEVIATION, WINDOW, Quality
from ingestion.tunables import IngestionTunables
from integration.ingestion.worker_process import Bench
from vector_store.models import File

FILE = File("file-1", "acme", "a.txt", "assistants", 1000, "0" * 64, "text/plain", "acme/a.txt", (), 0)
TUNABLES = IngestionTunables.model_validate(
    {"sources": [{"kind": "folder", "path": "/srv/manuals", "tenant": "acme", "label": "manuals"}]}
)
MANUALS = {"tenant": "acme", "source": "manuals"}


@pytest.fixture
async def pool(database: Database) -> Any:
    async with open_pool(database.app_url, max_size=4) as pool:
        yield pool


def quality(pool: Pool) -> Quality:
    return Quality(pool, lambda: TUNABLES)


def document(length: int, *, title: str = "T", language: str = "en") -> Prepared:
    passage = Passage("x", 0, length, (), None, None, 1, ("x",))
    return Prepared(title, (passage,), None, {}, language)


def shown(name: str, measure: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"fairlead_ingest_quality_{name}", {**MANUALS, **labels, "measure": measure})


def of_source() -> File:
    return replace(FILE, source=TUNABLES.sources[0].name, source_path="a.txt")


async def test_the_band_is_the_mean_and_the_deviation_of_the_windows_before(pool: Pool) -> None:
    chart, other_worker = quality(pool), quality(pool)
    randomness = random.Random(7)
    means: list[float] = []
    for window in range(9):
        lengths = [randomness.randint(800, 1200) for _ in range(WINDOW)]
        means.append(statistics.fmean(lengths))
        for place, length in enumerate(lengths):
            # Two workers fill the same windows.
            await (chart if place % 2 else other_worker).indexed(of_source(), document(length))
        await chart.show()
        if window < 5:
            assert shown("usual", "characters") is None, "nothing is usual yet"
    before = means[:-1]
    assert 1 / len(before) > GAIN, "so all windows still count alike"
    assert shown("recent", "characters") == pytest.approx(means[-1])
    assert shown("usual", "characters") == pytest.approx(statistics.fmean(before))
    least = LEAST_DEVIATION * statistics.fmean(before)
    assert shown("deviation", "characters") == pytest.approx(max(statistics.pstdev(before), least))


async def test_a_window_outside_stands_out_and_does_not_hide_in_a_band_that_it_widened(pool: Pool) -> None:
    chart = quality(pool)
    for _ in range(8):
        for place in range(WINDOW):
            await chart.indexed(of_source(), document(900 + 10 * place))
    await chart.show()

    def deviations(measure: str) -> float:
        recent, usual, deviation = (shown(name, measure) for name in ("recent", "usual", "deviation"))
        assert recent is not None and usual is not None and deviation is not None
        return abs(recent - usual) / deviation

    assert deviations("characters") < 1
    assert deviations("without_title") == 0
    for place in range(WINDOW):
        await chart.indexed(of_source(), document(100, title="" if place % 2 else "T"))
    await chart.show()
    assert deviations("characters") > 3
    assert deviations("without_title") > 3
    assert deviations("bytes") == 0


async def test_a_document_without_text_counts_and_another_failure_does_not(pool: Pool) -> None:
    chart = quality(pool)
    for _ in range(WINDOW // 2):
        await chart.failed(of_source(), Reason.NO_TEXT)
        await chart.failed(of_source(), Reason.CORRUPT)
        await chart.indexed(of_source(), document(1000))
    await chart.show()
    assert shown("recent", "without_text") == 0.5


async def test_only_what_the_configuration_names_becomes_a_series(pool: Pool) -> None:
    chart = quality(pool)
    for number in range(WINDOW):
        stranger = replace(FILE, tenant=f"tenant-{number}", source=f"folder:default:/{number}", source_path="x")
        await chart.indexed(stranger, document(1000))
    await chart.show()
    assert shown("recent", "characters", tenant="other", source="uploads") == 1000
    async with pool.connection() as connection:
        rows = await (await connection.execute("SELECT DISTINCT tenant, source FROM ingest_quality")).fetchall()
    assert rows == [("other", "uploads")]


async def test_the_worker_measures_what_it_indexes(bench: Bench) -> None:
    bench.configure(sources=[{"kind": "folder", "path": str(bench.folder), "label": "folder"}])
    bench.write({f"{number}.md": f"# Title {number}\n\nA harbour has berths and quays.\n" for number in range(WINDOW)})
    bench.write({"empty.txt": "   \n", "table.csv": "name,price\nrope,3\nchain,9\n"})
    await bench.start()

    async def measured() -> bool:
        return await bench.metric('fairlead_ingest_quality_recent{measure="chunks"') > 0

    async def failed() -> bool:
        return await bench.metric('fairlead_ingest_documents_lacking_total{lacking="text"}') == 1

    await bench.until(failed)
    await bench.until(measured)
    assert await bench.metric("fairlead_ingest_lag_seconds_count") >= WINDOW
    assert await bench.metric("fairlead_ingest_document_rows_sum") == 2
    assert await bench.metric("fairlead_event_loop_lag_seconds_count") > 0
