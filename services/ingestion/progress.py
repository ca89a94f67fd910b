"""How far indexing is: a bar on a terminal, a line now and then elsewhere, and the failed files at the end."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from vector_store.catalog import Catalog
from vector_store.models import FileCounts, Scope

POLL_S = 0.5
LINE_EVERY_S = 5.0
MOST_FAILURES_SHOWN = 200

Failed = tuple[str, str, str]
"""Path, reason and sentence."""


@contextmanager
def look_bar(console: Console, name: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal while a source is looked through; takes what is done, and of how many."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class Watch:
    """Follows the files of a store until none is in progress."""

    def __init__(self, catalog: Catalog, console: Console, patience_s: float) -> None:
        self._catalog = catalog
        self._console = console
        self._patience_s = patience_s

    async def until_indexed(self, tenant: str, store_id: str) -> list[Failed]:
        """The store's failed files when all is done; raises TimeoutError when nothing moves for too long."""
        scope = Scope(tenant, None)
        bar = Progress(
            TextColumn("indexing"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        with bar:
            task = bar.add_task("indexing", total=None)
            loop = asyncio.get_running_loop()
            moved, said, before = loop.time(), 0.0, -1
            while True:
                counts = (await self._catalog.get_store(scope, store_id)).file_counts
                done = counts.total - counts.in_progress
                bar.update(task, completed=done, total=counts.total)
                now = loop.time()
                if done != before:
                    moved, before = now, done
                finished = counts.in_progress == 0
                if not self._console.is_terminal and (finished or now - said > LINE_EVERY_S):
                    self._console.print(f"indexed {done} of {counts.total} files{_failed_part(counts)}", markup=False)
                    said = now
                if finished:
                    return await self._failures(scope, store_id)
                if now - moved > self._patience_s:
                    raise TimeoutError(
                        f"{counts.in_progress} files are still waiting and nothing has moved for "
                        f"{self._patience_s:.0f} s: is the ingestion worker running?"
                    )
                await asyncio.sleep(POLL_S)

    async def _failures(self, scope: Scope, store_id: str) -> list[Failed]:
        failed: list[Failed] = []
        after: str | None = None
        while len(failed) < MOST_FAILURES_SHOWN:
            page = await self._catalog.list_store_files(
                scope, store_id, status="failed", limit=100, order="asc", after=after
            )
            for file in page.data:
                error = file.last_error
                failed.append((file.filename, error.code if error else "", error.message if error else ""))
            if not page.has_more:
                break
            after = page.last_id
        return failed


def failures_table(failed: list[Failed]) -> Table:
    """Which files are left out, and why."""
    table = Table(title=f"{len(failed)} files are left out", title_justify="left", show_lines=False)
    for column in ("file", "code", "reason"):
        table.add_column(column, overflow="fold")
    for row in failed[:MOST_FAILURES_SHOWN]:
        table.add_row(*row)
    return table


def _failed_part(counts: FileCounts) -> str:
    return f", {counts.failed} failed" if counts.failed else ""
