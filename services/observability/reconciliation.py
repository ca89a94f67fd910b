"""Reads every count once nothing moves, and says at which hop spans are missing."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
from rich.table import Table

from observability.hops import COUNTERS, GAUGES, Hop, hops
from observability.mlflow_traces import MlflowTraces
from observability.samples import SCRAPE_S, TIMEOUT_S, Prometheus, Reading

LOOK_EVERY_S = 2.0


@dataclass(frozen=True)
class Question:
    """What is to be reconciled. `mlflow` None leaves the trace store out. Times in seconds."""

    prometheus: str
    mlflow: str | None
    experiment: str
    window_s: float
    patience_s: float


@dataclass(frozen=True)
class Report:
    """Every hop; `still` tells whether nothing moved while it was read."""

    hops: Sequence[Hop]
    still: bool

    @property
    def unexplained(self) -> list[Hop]:
        """Where something is missing."""
        return [hop for hop in self.hops if hop.unexplained]

    def as_json(self) -> str:
        """For programs."""
        listed = [
            {
                "hop": hop.name,
                "unit": hop.unit,
                "came": hop.came,
                "went": dict(hop.went),
                "missing": hop.missing,
                "unexplained": hop.unexplained,
                **({"note": hop.note} if hop.note else {}),
            }
            for hop in self.hops
        ]
        return json.dumps({"still": self.still, "ok": not self.unexplained, "hops": listed}, indent=1)

    def table(self) -> Table:
        """For people."""
        table = Table("hop", "came", "where it went", "missing", box=None, pad_edge=False)
        for hop in self.hops:
            went = ", ".join(f"{where} {count:,.0f}" for where, count in hop.went.items() if count) or "nowhere"
            note = f"\n[dim]{hop.note}[/]" if hop.note else ""
            missing = max(0.0, hop.missing)
            style = "bold red" if hop.unexplained else "dim"
            table.add_row(hop.name, f"{hop.came:,.0f} {hop.unit}", went + note, f"[{style}]{missing:,.0f}[/]")
        return table


async def reconcile(question: Question) -> Report:
    """Wait until nothing moves, for as long as patience lasts, then compare. Raises Unreachable."""
    deadline = time.monotonic() + question.patience_s
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), trust_env=False) as session:
        prometheus = Prometheus(question.prometheus, session)
        while True:
            began_ms = int((time.time() - question.window_s) * 1000)
            reading = await prometheus.read(COUNTERS, GAUGES, question.window_s)
            still = not moves(reading)
            if still or time.monotonic() + LOOK_EVERY_S > deadline:
                break
            await asyncio.sleep(LOOK_EVERY_S)
        stored = None
        if question.mlflow is not None:
            since = f"attributes.timestamp_ms >= {began_ms}"
            stored = len(await MlflowTraces(session, question.mlflow, question.experiment).found(since))
    return Report(list(hops(reading, stored)), still)


def moves(reading: Reading) -> bool:
    """Whether spans were counted within the last scrapes."""
    return reading.motion(lambda series: series.at_end) > 0


def sentence(report: Report) -> str:
    """What it comes to."""
    if report.unexplained:
        places = "; ".join(f"{hop.missing:,.0f} {hop.unit} after “{hop.name}”" for hop in report.unexplained)
        return f"Missing, and nothing accounts for it: {places}."
    lost = sum(hop.lost for hop in report.hops if hop.unit == "spans")
    found = f"Nothing is missing; {lost:,.0f} were dropped, as counted above." if lost else "Nothing is missing."
    moving = f" Spans were on their way within {SCRAPE_S:.0f} s of now: in a quiet time it is exact."
    return found if report.still else found + moving
