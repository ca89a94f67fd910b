"""Command line: the worker itself, one sync of the sources, how they stand, and the files that failed."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import psycopg
import psycopg_pool
import typer
from rich.console import Console
from rich.live import Live

from common.pool_client import PoolRejected, PoolUnavailable
from common.postgres import Pool, open_pool
from common.yaml_text import ConfigError
from ingestion.listing import failed_table, sources_table, terminal
from ingestion.main import configuration, run
from ingestion.progress import Watch, failures_table, look_bar
from ingestion.reindex_cli import Wanted
from ingestion.reindex_cli import reindex as build_another
from ingestion.settings import IngestionSettings
from ingestion.sources.folder import FolderSource
from ingestion.sources.kind import Source, SourceUnavailable
from ingestion.sources.sync import Report, Syncer
from ingestion.sources.tracking import look_at, tracked
from ingestion.sources.workspace import workspace
from ingestion.tunables import IngestionTunables
from vector_store.catalog import Catalog
from vector_store.errors import StoreError
from vector_store.models import Scope
from vector_store.objects import Objects
from vector_store.retries import MOST_LISTED, Retries
from vector_store.source_states import SourceStates, shown

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="Bring documents into vector stores.")

WATCH_EVERY_S = 1.0
TenantOption = Annotated[str | None, typer.Option(help="Tenant.")]
StoreOption = Annotated[str | None, typer.Option(help="Name or id of one store; none: all of the tenant.")]


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
        sources: list[Source] = [_given(folder, store, tenant, tunables)] if folder else list(tunables.sources)
        if not sources:
            _fail("No sources: name a folder with --folder, or list `sources` in the file FAIRLEAD_CONFIG_FILE.")
        asyncio.run(_sync(settings, tunables, sources, timeout_s if wait else None))
    except (ConfigError, ValueError, SourceUnavailable, TimeoutError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"The database or the file store cannot be reached: {error}")


@app.command(name="sources")
def list_sources(
    tenant: TenantOption = None,
    watch: Annotated[bool, typer.Option(help="Keep the table up to date until nothing is left to do.")] = False,
) -> None:
    """How the configured sources stand: last success, documents done and left, failures by reason."""

    async def show(settings: IngestionSettings) -> None:
        tunables = configuration(settings).current.value
        async with _database(settings) as pool:
            with Live(console=terminal(), auto_refresh=False, transient=False) as live:
                while True:
                    listed = await _listed(SourceStates(pool), tunables, tenant)
                    live.update(sources_table(listed), refresh=True)
                    busy = any(each["state"] == "running" or each["documents"]["todo"] for each in listed)
                    if not (watch and busy):
                        return
                    await asyncio.sleep(WATCH_EVERY_S)

    _run(show)


@app.command()
def failed(tenant: TenantOption = "default", store: StoreOption = None) -> None:
    """List the files that failed, each with its reason."""

    async def show(settings: IngestionSettings) -> None:
        async with _database(settings) as pool:
            files = await Retries(pool).failed(Scope(tenant or "default", None), store=store)
        terminal().print(failed_table(files) if files else "No file has failed.")

    _run(show)


@app.command()
def retry(
    tenant: TenantOption = "default",
    store: StoreOption = None,
    file: Annotated[str | None, typer.Option(help="Id of one file, in every store where it failed.")] = None,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="Every file that failed.")] = False,
) -> None:
    """Put files that failed back into the queue, when what was wrong with them has been mended."""
    if (file is None) != all_failed:
        _fail("Say which: --file ID for one file, or --all-failed; --store NAME keeps to one store.")

    async def put_back(settings: IngestionSettings) -> None:
        scope = Scope(tenant or "default", None)
        async with _database(settings) as pool:
            retries = Retries(pool)
            files = await retries.failed(scope, store=store, file_id=file)
            if file is not None and not files:
                _fail(f"File {file} has not failed{f' in store {store}' if store else ''}: nothing to retry.")
            count = 0
            while files:
                count += await retries.retry_all(scope, files)
                # What failed again meanwhile is another failure, with a reason of its own.
                files = await retries.failed(scope, store=store) if len(files) == MOST_LISTED else []
        Console(highlight=False).print(f"{count} files are back in the queue.")

    _run(put_back)


async def _listed(states: SourceStates, tunables: IngestionTunables, tenant: str | None) -> list[dict[str, Any]]:
    """The configured sources, each with what was last recorded of it."""
    sources = [source for source in tunables.sources if tenant in (None, source.tenant)]
    listed: list[dict[str, Any]] = []
    for owner in dict.fromkeys(source.tenant for source in sources):
        names = [source.name for source in sources if source.tenant == owner]
        recorded = {state.name: state for state in await states.states(owner)}
        documents = await states.documents(owner, names)
        for source in (source for source in sources if source.tenant == owner):
            state = recorded.get(source.name) or tracked(source, tunables.sync_interval_s).state
            listed.append(shown(state, documents[source.name]))
    return listed


def _run(work: Callable[[IngestionSettings], Coroutine[Any, Any, None]]) -> None:
    try:
        asyncio.run(work(IngestionSettings()))
    except (ConfigError, ValueError) as error:
        _fail(str(error))
    except (OSError, psycopg.Error, psycopg_pool.PoolTimeout) as error:
        _fail(f"The database cannot be reached: {error}")


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
        if not isinstance(source, FolderSource) or (source.store, source.tenant) != (store, tenant):
            continue
        if Path(source.path).expanduser().resolve() == wanted:
            return source
    return OnceFolder(path=str(wanted), store=store, tenant=tenant)


async def _sync(
    settings: IngestionSettings, tunables: IngestionTunables, sources: list[Source], patience_s: float | None
) -> None:
    console = terminal()
    async with AsyncExitStack() as stack:
        work = stack.enter_context(workspace(settings.cache_dir))
        pool = await stack.enter_async_context(_database(settings))
        catalog = Catalog(pool)
        syncer = Syncer(catalog, Objects(settings.objects()), pool, settings.cache_dir, work)
        reports: list[tuple[Source, Report]] = []
        for source in sources:
            report = await _look(console, syncer, SourceStates(pool), source, tunables)
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


async def _look(
    console: Console, syncer: Syncer, states: SourceStates, source: Source, tunables: IngestionTunables
) -> Report:
    """One look with a bar; raises SourceUnavailable. What is given on the command line is no configured source."""
    largest = tunables.limits.file_bytes
    with look_bar(console, source.shown_name) as moved:
        if isinstance(source, OnceFolder):
            return await syncer.sync(source, largest, lambda report: moved(report.brought_up, report.found))
        each = tracked(source, tunables.sync_interval_s)
        report = await look_at(each, syncer, states, largest, lambda state: moved(state.done, state.done + state.todo))
    if report is None:
        raise SourceUnavailable(f"{source.shown_name}: {each.state.error}")
    return report


@asynccontextmanager
async def _database(settings: IngestionSettings) -> AsyncGenerator[Pool]:
    async with open_pool(settings.database(), max_size=settings.database_connections) as pool:
        await pool.wait(timeout=10.0)
        yield pool


def _summary(source: Source, report: Report) -> str:
    parts = [f"{report.new} new", f"{report.changed} changed", f"{report.deleted} deleted"]
    parts.append(f"{report.unchanged} unchanged")
    if report.skipped:
        parts.append(f"{report.skipped} of other kinds left out")
    if report.unread:
        parts.append(f"{len(report.unread)} unreadable")
    return f"{source.place} → {source.store}: {report.found} documents: {', '.join(parts)}"


def _fail(reason: str) -> NoReturn:
    Console(stderr=True, highlight=False).print(reason, markup=False, soft_wrap=True)
    raise typer.Exit(1)
