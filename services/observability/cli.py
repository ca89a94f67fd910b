"""Command line: the trace buffer, and the reconciliation of spans."""

import sys

import typer
from pydantic import ValidationError

from observability import main

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="Traces after they left the services.")


@app.callback()
def group() -> None:
    """Makes a command of each function, also of the only one."""


@app.command()
def buffer() -> None:
    """Hold traces that were not kept for a day, and store those that somebody complains about."""
    try:
        main.run()
    except (ValidationError, ValueError) as error:
        sys.exit(str(error))
