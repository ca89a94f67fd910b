"""`python -m observability erase` and `retain`: what is removed on request, and what has served its time."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

import aiohttp
import psycopg
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from common.mlflow_access import MlflowAccess
from observability import erasure, retention
from observability.erasure import Place, Stores, Subject
from observability.mlflow_traces import MlflowTraces
from observability.samples import Unreachable
from observability.settings import RemovalSettings
from vector_store.errors import SchemaError

T = TypeVar("T")
Mlflow = Annotated[str | None, typer.Option("--mlflow", help="URL of MLflow; off: there is none. Default: settings.")]
Experiment = Annotated[str, typer.Option(help="Its experiment with the traces.")]


def erase(
    tenant: Annotated[str, typer.Option(help="The tenant; with --user, the user's tenant.")],
    user: Annotated[str | None, typer.Option(help="This user alone, as requests name it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what there is.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait until the bytes of files are gone.", min=0)] = 60.0,
    mlflow: Mlflow = None,
    experiment: Experiment = "fairlead",
) -> None:
    """Remove all data of a tenant, or of one user in it; ends with 1 where something is left."""

    async def work(settings: RemovalSettings) -> list[Place]:
        async with _traces(settings, mlflow, experiment) as traces:
            stores = Stores(settings.owner(), settings.database(), traces)
            return await erasure.erase(Subject(tenant, user), stores, dry_run=dry_run, patience_s=wait)

    places = _run(work)
    table = Table("where", "found", "left")
    for place in places:
        if place.found or place.left:
            table.add_row(place.name, f"{place.found:,}", f"{place.left:,}")
    console = Console(highlight=False, soft_wrap=True)
    whose = f"user {user} of tenant {tenant}" if user else f"tenant {tenant}"
    if not table.row_count:
        console.print(f"Nothing is kept of {whose}.", markup=False)
        return
    console.print(table)
    left = sum(place.left for place in places)
    if dry_run:
        console.print(f"Nothing was changed. Without --dry-run all of {whose} is removed, for good.", markup=False)
    elif left:
        console.print(f"{left:,} are left: does the ingestion worker run? Run this again.", markup=False)
        sys.exit(1)
    else:
        console.print(f"Nothing is left of {whose}, but in the audit log and in backups.", markup=False)


def retain(
    feedback_days: Annotated[int | None, typer.Option(help="Default: settings.", min=1)] = None,
    traces_days: Annotated[int | None, typer.Option(help="Default: settings.", min=1)] = None,
    mlflow: Mlflow = None,
    experiment: Experiment = "fairlead",
) -> None:
    """Remove feedback and traces that are older than they are to be kept."""

    async def work(settings: RemovalSettings) -> retention.Removed:
        async with _traces(settings, mlflow, experiment) as traces:
            return await retention.retain(
                settings.owner(),
                traces,
                feedback_days or settings.feedback_days,
                traces_days or settings.traces_days,
            )

    removed = _run(work)
    traces = "no trace store" if removed.traces is None else f"{removed.traces:,} traces"
    Console(highlight=False).print(f"Removed: {removed.feedback:,} feedback, {traces}.")


@asynccontextmanager
async def _traces(settings: RemovalSettings, given: str | None, experiment: str) -> AsyncIterator[MlflowTraces | None]:
    url = given or settings.mlflow_url
    if url in (None, "", "off"):
        yield None
        return
    headers = MlflowAccess(settings.mlflow_token, settings.mlflow_authorization_file).headers()
    async with aiohttp.ClientSession(headers=headers, trust_env=False) as session:
        yield MlflowTraces(session, str(url), experiment)


def _run(work: Callable[[RemovalSettings], Coroutine[Any, Any, T]]) -> T:
    try:
        return asyncio.run(work(RemovalSettings()))
    except (Unreachable, ValidationError, ValueError, SchemaError) as error:
        sys.exit(str(error))
    except psycopg.OperationalError as error:
        sys.exit(f"The database cannot be reached: {str(error).strip()}")
