"""Command line: migrate, verify and look at the store. Everything runs as the database's owner, over all tenants."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from common.settings import ServiceSettings
from vector_store.errors import StoreError
from vector_store.migrations import migrate as apply_migrations

T = TypeVar("T")
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

OwnerUrl = Annotated[
    str | None,
    typer.Option("--url", help="Postgres URL of the owner role; default: FAIRLEAD_DATABASE_OWNER_URL."),
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
