"""`python -m evaluation`: retrieval measured apart from answers, runs compared, settings swept, questions replayed."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from common.questions import QuestionsError
from evaluation import bench, collection, platform, questions, report, runs
from evaluation.collection import Collection, CollectionError
from evaluation.replay_cli import replay_command
from evaluation.runs import Run, RunError
from evaluation.search import SearchFailed, measured, search_api
from evaluation.variants import SIDE_BY_SIDE, Variant, VariantError, swept

app = typer.Typer(help="Evaluate retrieval apart from answers.", no_args_is_help=True, add_completion=False)
out = Console()

Data = Annotated[list[Path], typer.Option(help="A collection's folder (BEIR layout); repeatable.")]
Mode = Annotated[str, typer.Option(help="whole (documents), shipped (chunking) or both.")]
Cache = Annotated[Path, typer.Option(help="Where embeddings are kept between runs.")]
Keep = Annotated[Path, typer.Option(help="Where runs are kept, for compare.")]
Settings = Annotated[list[str], typer.Option("--set", help="A tunable and its values: key=value,value; repeatable.")]
CACHE, KEEP = Path(".fairlead/cache"), Path(".fairlead/runs")


app.command("replay")(replay_command)


@app.callback()
def evaluation() -> None:
    """Evaluate retrieval apart from answers."""
    platform.end_in_order()


@app.command("retrieval")
def retrieval_command(data: Data, mode: Mode = "both", cache: Cache = CACHE, keep: Keep = KEEP) -> None:
    """Keyword, vector, hybrid and reranked search side by side, with the shipped defaults."""
    out.print(report.HEADER, markup=False, soft_wrap=True)
    done = _measured(_collections(data), mode, cache, keep, SIDE_BY_SIDE)
    by_place: dict[tuple[str, str], dict[str, Run]] = {}
    for run in done:
        by_place.setdefault((run.collection, run.mode), {})[run.variant] = run
    for (name, how), found in by_place.items():
        base = found["hybrid (shipped)"]
        for variant in ("hybrid, rrf", "hybrid + rerank"):
            out.print(f"{name}, {how}: {report.gain(base, found[variant])}", markup=False, soft_wrap=True)


@app.command()
def sweep(data: Data, settings: Settings, mode: Mode = "shipped", cache: Cache = CACHE, keep: Keep = KEEP) -> None:
    """Every combination of settings, and which of them nothing beats in quality and latency."""
    try:
        variants = swept(settings)
    except VariantError as error:
        raise typer.BadParameter(str(error), param_hint="--set") from None
    done = _measured(_collections(data), mode, cache, keep, variants)
    for place in dict.fromkeys((run.collection, run.mode) for run in done):
        out.print(f"{place[0]}, {place[1]}")
        out.print(report.sweep([run for run in done if (run.collection, run.mode) == place]))


@app.command()
def compare(first: Path, second: Path) -> None:
    """Two runs that were kept, query by query: what differs, and whether that may be chance."""
    try:
        out.print(report.comparison(runs.load(first), runs.load(second)))
    except (RunError, ValueError) as error:
        _fail(str(error))


@app.command("questions")
def questions_command(
    file: Annotated[Path, typer.Argument(help='JSON lines: {"query": "…", "relevant": ["file name or id", …]}.')],
    store: Annotated[str, typer.Option(help="Name or id of the vector store.")],
    url: Annotated[str, typer.Option(help="The running platform.")] = "http://127.0.0.1:8080",
    rerank: Annotated[bool, typer.Option(help="Ask for the reranker.")] = False,
    keep: Keep = KEEP,
) -> None:
    """Your own questions against a running platform, as it is tuned now. The key is read from FAIRLEAD_API_KEY."""
    variant = Variant("as tuned + rerank", ranking={"ranker": "auto"}) if rerank else Variant("as tuned")
    try:
        asked = questions.read(file)
        run = asyncio.run(_asked(asked, url, store, variant, file.stem))
    except (QuestionsError, SearchFailed) as error:
        _fail(str(error))
    out.print(report.HEADER, markup=False, soft_wrap=True)
    out.print(report.line(run), markup=False, soft_wrap=True)
    out.print(f"kept as {runs.store(keep, run)}", markup=False, soft_wrap=True)


async def _asked(asked: questions.Questions, url: str, store: str, variant: Variant, name: str) -> Run:
    async with search_api(url, os.environ.get("FAIRLEAD_API_KEY")) as api:
        return await measured(
            api,
            await api.store_id(store),
            asked.queries,
            asked.judgements,
            variant,
            collection=name,
            mode=store,
            name=asked.name_of,
        )


def _measured(
    collections: Sequence[Collection], mode: str, cache: Path, keep: Path, variants: Sequence[Variant]
) -> list[Run]:
    """Every run, each printed and kept as soon as it is there."""
    done: list[Run] = []

    def on_run(run: Run) -> None:
        runs.store(keep, run)
        out.print(report.line(run), markup=False, soft_wrap=True)
        done.append(run)

    modes = {"both": ("whole", "shipped"), "whole": ("whole",), "shipped": ("shipped",)}.get(mode)
    if modes is None:
        raise typer.BadParameter("must be whole, shipped or both", param_hint="--mode")
    try:
        bench.runs_of(collections, modes, cache, variants, on_run)
    except (platform.NotStarted, SearchFailed) as error:
        _fail(str(error))
    return done


def _collections(data: Sequence[Path]) -> list[Collection]:
    try:
        return [collection.read(folder) for folder in data]
    except CollectionError as error:
        raise typer.BadParameter(str(error), param_hint="--data") from None


def _fail(reason: str) -> NoReturn:
    Console(stderr=True).print(reason, markup=False, soft_wrap=True)
    raise typer.Exit(1)
