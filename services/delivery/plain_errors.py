"""Errors of a delivery as one line for the person at the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from delivery.commands import DeliveryError


@contextmanager
def plain_errors() -> Iterator[None]:
    """A DeliveryError is shown without a trace, and ends the command with 2."""
    try:
        yield
    except DeliveryError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
