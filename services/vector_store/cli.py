"""Command line: migrate, verify and look at the store. Everything runs as the database's owner, over all tenants."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Column, Table

from common.settings import ServiceSettings
from vector_store.errors import StoreError
from vector_store.migrations import migrate as apply_migrations
from vector_store.objects import Objects
from vector_store.operations import store_sizes, table_sizes, verify_all

T = TypeVar("T")
WIDTH = 160
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

OwnerUrl = Annotated[
    str | None,
    typer.Option("--url", help="Postgres URL of the owner role; default: FAIRLEAD_DATABASE_OWNER_URL."),
]
ObjectsUrl = Annotated[
    str | None,
    typer.Option("--objects", help="Where file bytes lie, to look for them too; default: FAIRLEAD_OBJECTS_URL."),
]


@app.callback()
def main() -> None:
    """The store's schema and contents."""


@app.command()
def migrate(url: OwnerUrl = None) -> None:
    """Bring the schema up to this version."""
    applied = _run(apply_migrations(_owner_url(url)))
    for name in applied:
        print(f"applied {name}")
    print("The schema is up to date." if applied else "The schema was up to date.")


@app.command()
def verify(url: OwnerUrl = None, objects_url: ObjectsUrl = None) -> None:
    """Recount everything that is kept in two places; exit code 1 if anything does not agree."""
    objects = objects_url or ServiceSettings(service="vector-store").objects_url
    found = _run(verify_all(_owner_url(url), _objects(objects)))
    for discrepancy in found:
        print(discrepancy)
    if found:
        raise typer.Exit(1)
    print("Documents, chunks, vectors and word counts agree" + (", and every file has its bytes." if objects else "."))


@app.command()
def stats(url: OwnerUrl = None) -> None:
    """How much each store and each table holds."""
    owner_url = _owner_url(url)
    stores = Table("tenant", "store", "id", "model", *_numbers("files", "failed", "chunks", "vectors", "words", "size"))
    for row in _run(store_sizes(owner_url)):
        counts = [f"{row[name]:,}" for name in ("files", "failed", "chunks", "vectors", "words")]
        stores.add_row(row["tenant"], row["name"], row["id"], row["model"] or "-", *counts, _size(row["bytes"]))
    tables = Table("table", "embedding space", *_numbers("data", "indexes"))
    for row in _run(table_sizes(owner_url)):
        tables.add_row(row["name"], row["space"], _size(row["data"]), _size(row["indexes"]))
    # Without a terminal to fit into, nothing is cut.
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(stores)
    console.print(tables)


def _numbers(*names: str) -> list[Column]:
    return [Column(name, justify="right") for name in names]


def _size(count: int) -> str:
    """Bytes as people read them: 1.5 MB."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def _objects(url: str | None) -> Objects | None:
    if url is None:
        return None
    try:
        return Objects(url)
    except StoreError as error:
        _fail(str(error))


def _owner_url(given: str | None) -> str:
    if given:
        return given
    configured = ServiceSettings(service="vector-store").database_owner_url
    if configured is None:
        _fail("FAIRLEAD_DATABASE_OWNER_URL is not set: give the Postgres URL of the owner role, or --url.")
    return configured.get_secret_value()


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except StoreError as error:
        _fail(str(error))


def _fail(reason: str) -> NoReturn:
    print(reason, file=sys.stderr)
    raise typer.Exit(1)
