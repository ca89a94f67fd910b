"""`python -m evaluation replay`: stored questions asked again, with today's code, configuration and index."""

import asyncio
import os
import sys
import tempfile
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from evaluation.platform import NotStarted
from evaluation.replay import Where, all_again, own_orchestrator, replay
from evaluation.stored_trace import TraceError
from evaluation.trace_diff import Difference

COLOURS = {"same": "dim", "changed": "cyan", "better": "green", "worse": "red"}
PIPE_WIDTH = 140


def replay_command(
    trace: Annotated[list[str] | None, typer.Option(help="A trace's id; repeatable.")] = None,
    where: Annotated[str | None, typer.Option(help="Many at once: a filter of MLflow's trace search.")] = None,
    most: Annotated[int, typer.Option(help="With --where: the newest so many.", min=1, max=10_000)] = 20,
    config: Annotated[Path | None, typer.Option(help="Other tunables of the orchestrator to answer with.")] = None,
    url: Annotated[str, typer.Option(help="The running platform.")] = "http://127.0.0.1:8080",
    mlflow: Annotated[str, typer.Option(envvar="FAIRLEAD_MLFLOW_URL", help="MLflow.")] = "http://127.0.0.1:5000",
    experiment: Annotated[str, typer.Option(help="Its experiment with the traces.")] = "fairlead",
    fail_on_worse: Annotated[bool, typer.Option("--fail-on-worse", help="End with 1 if any is worse.")] = False,
) -> None:
    """Ask the question of a stored trace again and show, step by step, what differs. The key is FAIRLEAD_API_KEY."""
    if not trace and where is None:
        raise typer.BadParameter("say which: --trace ID, or --where for many", param_hint="--trace")
    asked = Where(url, os.environ.get("FAIRLEAD_API_KEY"), mlflow, experiment)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    try:
        verdicts = asyncio.run(_replayed(console, asked, trace or [], where, most, config and config.absolute()))
    except (TraceError, NotStarted) as error:
        Console(stderr=True).print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    if sum(verdicts.values()) > 1:
        console.print(", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common()))
    if verdicts["not replayed"] or (fail_on_worse and verdicts["worse"]):
        raise typer.Exit(1)


async def _replayed(
    console: Console, where: Where, given: list[str], condition: str | None, most: int, config: Path | None
) -> Counter[str]:
    verdicts: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        if config is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fairlead-replay-")))
            where = await stack.enter_async_context(own_orchestrator(config, where, folder))
        asking = await stack.enter_async_context(replay(where))
        ids = [*given, *(await asking.chosen(condition, most) if condition is not None else [])]
        async for trace_id, found in all_again(asking, ids):
            if isinstance(found, TraceError):
                verdicts["not replayed"] += 1
                console.print(f"{trace_id}: {found}", style="yellow", markup=False)
                continue
            verdicts[found.verdict] += 1
            _show(console, found, whole=len(ids) == 1)
    return verdicts


def _show(console: Console, found: Difference, *, whole: bool) -> None:
    question = str(found.then.request["messages"][-1]["content"]).strip()
    console.print(f"{found.then.trace_id}: {found.verdict}", style=COLOURS[found.verdict], markup=False)
    console.print(f"  {question[:200]}", markup=False)
    if whole:
        console.print(found.table())
    for line in found.answer_lines():
        style = "red" if line.startswith("-") else "green" if line.startswith("+") else None
        console.print(f"  {line.rstrip()}", style=style, markup=False)
