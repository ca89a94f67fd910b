"""Command line: the worker itself, and one sync of the sources with its progress."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from common.pool_client import PoolRejected, PoolUnavailable
from common.postgres import open_pool
from common.yaml_text import ConfigError
from ingestion.main import configuration, run
from ingestion.progress import Watch, failures_table
from ingestion.reindex_cli import Wanted
from ingestion.reindex_cli import reindex as build_another
from ingestion.settings import IngestionSettings
from ingestion.sources.folder import SourceUnavailable
from ingestion.sources.sync import Report, Syncer
from ingestion.tunables import FolderSource, IngestionTunables
from vector_store.catalog import Catalog
from vector_store.errors import StoreError
from vector_store.objects import Objects

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="Bring documents into vector stores.")


class OnceFolder(FolderSource):
    """A folder given on the command line; the worker, which forgets sources that left its file, leaves it alone."""

    @property
    def name(self) -> str:
        """See FolderSource."""
        return f"once:{self.store}:{self.path}"


@app.callback(invoke_without_command=True)
def worker(context: typer.Context) -> None:
    """Work on queued files and keep the configured sources in step, until told to stop."""
    if context.invoked_subcommand is None:
        try:
            run()
        except (ConfigError, ValueError) as error:
            _fail(str(error))


@app.command()
def sync(
    folder: Annotated[Path | None, typer.Option(help="This folder instead of the configured sources.")] = None,
    store: Annotated[str, typer.Option(help="Name of the vector store for --folder.")] = "default",
    tenant: Annotated[str, typer.Option(help="Tenant of the store for --folder.")] = "default",
    wait: Annotated[bool, typer.Option(help="Wait until the worker has indexed everything.")] = False,
    timeout_s: Annotated[float, typer.Option("--timeout", help="Longest wait without progress, in seconds.")] = 600.0,
) -> None:
    """Look at the sources once and queue what is new, changed or deleted; the running worker does the rest."""
    try:
        settings = IngestionSettings()
        tunables = configuration(settings).current.value
        sources = [_given(folder, store, tenant, tunables)] if folder else list(tunables.sources)
        if not sources:
            _fail("No sources: name a folder with --folder, or list `sources` in the file FAIRLEAD_CONFIG_FILE.")
        asyncio.run(_sync(settings, tunables, sources, timeout_s if wait else None))
    except (ConfigError, ValueError, SourceUnavailable, TimeoutError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"The database or the file store cannot be reached: {error}")


@app.command()
def reindex(
    store: Annotated[str, typer.Argument(help="Name or id of the vector store.")],
    model: Annotated[str | None, typer.Option(help="The embedding model that it is to have.")] = None,
    version: Annotated[str | None, typer.Option(help="Its version, where several are configured.")] = None,
    tenant: Annotated[str, typer.Option(help="The store's tenant.")] = "default",
    evaluate: Annotated[
        Path | None, typer.Option(help='Lines of {"query": …, "relevant": [file, …]}: compare both indexes on them.')
    ] = None,
    switch: Annotated[bool, typer.Option("--switch", help="Let the new index serve once it is complete.")] = False,
    abort: Annotated[bool, typer.Option("--abort", help="Drop the index that is being built.")] = False,
) -> None:
    """Build an index of another embedding model beside the serving one; run it again after a kill, it goes on."""
    wanted = Wanted(store, tenant, model, version, evaluate, switch, abort)
    try:
        settings = IngestionSettings()
        asyncio.run(build_another(settings, configuration(settings).current.value, wanted))
    except (ConfigError, ValueError, StoreError, TimeoutError) as error:
        _fail(str(error))
    except (PoolUnavailable, PoolRejected) as error:
        _fail(f"The model does not embed: {error}. What is done is kept; run it again.")
    except OSError as error:
        _fail(f"The database or a file cannot be reached: {error}")


def _given(folder: Path, store: str, tenant: str, tunables: IngestionTunables) -> FolderSource:
    """The configured source of that folder and store, else one for this time."""
    wanted = folder.expanduser().resolve()
    for source in tunables.sources:
        same_folder = Path(source.path).expanduser().resolve() == wanted
        if same_folder and (source.store, source.tenant) == (store, tenant):
            return source
    return OnceFolder(path=str(wanted), store=store, tenant=tenant)


async def _sync(
    settings: IngestionSettings, tunables: IngestionTunables, sources: list[FolderSource], patience_s: float | None
) -> None:
    console = Console(highlight=False)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(settings.database(), max_size=settings.database_connections))
        await pool.wait(timeout=10.0)
        catalog = Catalog(pool)
        syncer = Syncer(catalog, Objects(settings.objects()), pool)
        reports: list[tuple[FolderSource, Report]] = []
        for source in sources:
            report = await syncer.sync(source, tunables.limits.file_bytes)
            reports.append((source, report))
            console.print(_summary(source, report), markup=False)
        failed = [
            (unread.path, str(unread.reason), unread.message) for _, report in reports for unread in report.unread
        ]
        if patience_s is not None:
            watch = Watch(catalog, console, patience_s)
            for tenant, store_id in sorted({(source.tenant, report.store_id) for source, report in reports}):
                failed += await watch.until_indexed(tenant, store_id)
        if failed:
            console.print(failures_table(failed))


def _summary(source: FolderSource, report: Report) -> str:
    parts = [f"{report.new} new", f"{report.changed} changed", f"{report.deleted} deleted"]
    parts.append(f"{report.unchanged} unchanged")
    if report.skipped:
        parts.append(f"{report.skipped} of other kinds left out")
    if report.unread:
        parts.append(f"{len(report.unread)} unreadable")
    return f"{source.path} → {source.store}: {report.found} documents: {', '.join(parts)}"


def _fail(reason: str) -> NoReturn:
    Console(stderr=True, highlight=False).print(reason, markup=False, soft_wrap=True)
    raise typer.Exit(1)
