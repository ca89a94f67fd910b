"""Command line for a cluster's database: `prepare` a server of our own, `check` somebody else's."""

import asyncio
from pathlib import Path
from typing import Annotated, NoReturn

import psycopg
import typer

from vector_store import preparation
from vector_store.errors import StoreError

SecretFolder = Annotated[
    Path, typer.Option("--secret", help="Folder with a file for each key of the Secret: url, owner-url, mlflow-url…")
]
Wait = Annotated[float, typer.Option(min=0, help="Longest wait for the server, in seconds.")]
MOUNTED = Path("/var/run/fairlead/database")


def prepare(
    secret: SecretFolder = MOUNTED,
    superuser: Annotated[str, typer.Option(help="Its password is the Secret's superuser-password.")] = "postgres",
    wait: Wait = 120,
) -> None:
    """Make roles, databases and pgvector as a Secret names them; roles get its passwords. Again: nothing changes."""
    try:
        made = preparation.prepare(secret, superuser, wait)
    except (StoreError, psycopg.Error) as error:
        _fail(error)
    for name in made:
        typer.echo(f"made the database {name}")
    typer.echo("Roles, databases and pgvector are ready.")


def check(secret: SecretFolder = MOUNTED, wait: Wait = 30) -> None:
    """Say whether a server is as Fairlead needs it, and if not, what its administrator should run."""
    try:
        typer.echo(asyncio.run(preparation.check(secret, wait)))
    except (StoreError, psycopg.Error) as error:
        _fail(error)


def _fail(error: Exception) -> NoReturn:
    typer.echo(str(error).strip(), err=True)
    raise typer.Exit(1) from None
