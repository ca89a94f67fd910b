"""Command line: the trace buffer, and the reconciliation of spans."""

import asyncio
import sys
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from observability import main, removal_cli
from observability.reconciliation import Question, sentence
from observability.reconciliation import reconcile as reconciled
from observability.samples import Unreachable

UNKNOWN = 2

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help="Traces after they left the services.")

app.command()(removal_cli.erase)
app.command()(removal_cli.retain)


@app.command()
def buffer() -> None:
    """Hold traces that were not kept for a day, and store those that somebody complains about."""
    try:
        main.run()
    except (ValidationError, ValueError) as error:
        sys.exit(str(error))


@app.command()
def reconcile(
    prometheus: Annotated[str, typer.Option(help="URL of Prometheus.")] = "http://127.0.0.1:9090",
    mlflow: Annotated[str, typer.Option(help="URL of MLflow; off: leave it out.")] = "http://127.0.0.1:5000",
    experiment: Annotated[str, typer.Option(help="Its experiment with the traces.")] = "fairlead",
    window: Annotated[float, typer.Option(help="Hours to look back.", min=0.01)] = 24.0,
    patience: Annotated[float, typer.Option(help="Seconds to wait for a time when no spans move.", min=0)] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Compare the count of spans at every hop.

    Ends with 0 when all is accounted for, 1 where spans are missing and nothing says why, 2 when it cannot tell.
    """
    store = None if mlflow == "off" else mlflow
    try:
        report = asyncio.run(reconciled(Question(prometheus, store, experiment, window * 3600, patience)))
    except Unreachable as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(UNKNOWN)
    if as_json:
        sys.stdout.write(report.as_json() + "\n")
    else:
        console = Console(highlight=False, soft_wrap=True)
        console.print(report.table())
        console.print(f"\n{sentence(report)}")
    sys.exit(1 if report.unexplained else 0)
