"""Command line: the trace buffer, the experiment for traces, and the reconciliation of spans."""

import asyncio
import sys
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from common.mlflow_access import MlflowAccess
from common.trace_experiment import NAME
from observability import experiment, main, removal_cli
from observability.reconciliation import Question, sentence
from observability.reconciliation import reconcile as reconciled
from observability.samples import Unreachable
from observability.settings import RemovalSettings

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


@app.command("experiment")
def set_up_experiment(
    mlflow: Annotated[str | None, typer.Option(help="URL of MLflow. Default: settings.")] = None,
    number: Annotated[str, typer.Option(help="The number that the trace collector sends to.")] = "0",
    wait: Annotated[float, typer.Option(help="Longest wait until MLflow answers, in seconds.", min=0)] = 300.0,
) -> None:
    """Have the experiment for traces in MLflow, with its saved views. Again: what people changed stays."""
    settings = RemovalSettings()
    url = mlflow or settings.mlflow_url
    if url is None:
        sys.exit("FAIRLEAD_MLFLOW_URL is not set: say where MLflow is, or give --mlflow.")
    access = MlflowAccess(settings.mlflow_token, settings.mlflow_authorization_file)
    try:
        asyncio.run(experiment.ensure(url, number, access, wait))
    except (Unreachable, experiment.WrongExperiment, OSError) as error:
        sys.exit(str(error))
    sys.stdout.write(f"Traces go to the experiment {NAME}, number {number}.\n")


@app.command()
def reconcile(
    prometheus: Annotated[str, typer.Option(help="URL of Prometheus.")] = "http://127.0.0.1:9090",
    mlflow: Annotated[str, typer.Option(help="URL of MLflow; off: leave it out.")] = "http://127.0.0.1:5000",
    experiment_name: Annotated[str, typer.Option("--experiment", help="Its experiment with the traces.")] = NAME,
    window: Annotated[float, typer.Option(help="Hours to look back.", min=0.01)] = 24.0,
    patience: Annotated[float, typer.Option(help="Seconds to wait for a time when no spans move.", min=0)] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Compare the count of spans at every hop.

    Ends with 0 when all is accounted for, 1 where spans are missing and nothing says why, 2 when it cannot tell.
    """
    store = None if mlflow == "off" else mlflow
    try:
        report = asyncio.run(reconciled(Question(prometheus, store, experiment_name, window * 3600, patience)))
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
