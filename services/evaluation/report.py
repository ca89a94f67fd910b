"""What people see of runs: tables side by side, comparisons, and which variants nothing beats."""

from collections.abc import Sequence

from rich.table import Table

from evaluation.measures import MEASURES, difference
from evaluation.runs import Run

# Differences less certain than this are not worth acting on.
CERTAIN = 0.05
HEADER = "\n".join(
    [
        f"| collection | mode | variant | {' | '.join(MEASURES)} | p50 | p99 |",
        f"|---|---|---|{'---|' * len(MEASURES)}---|---|",
    ]
)


def line(run: Run) -> str:
    """A run as a row of a Markdown table."""
    values = " | ".join(f"{run.means[name]:.4f}" for name in MEASURES)
    return (
        f"| {run.collection} | {run.mode} | {run.variant} | {values} "
        f"| {run.latency_ms(50):.1f} ms | {run.latency_ms(99):.1f} ms |"
    )


def gain(base: Run, other: Run) -> str:
    """What the other run gains over the base in nDCG@10, and whether that may be chance."""
    found = difference(base.values["nDCG@10"], other.values["nDCG@10"])
    word = "beyond chance" if found.p < CERTAIN else "may be chance"
    return (
        f"{other.variant} against {base.variant}: nDCG@10 {found.second - found.first:+.4f}, "
        f"{found.better} queries better, {found.worse} worse, p = {found.p:.4f} ({word})"
    )


def comparison(first: Run, second: Run) -> Table:
    """Two runs, measure by measure. Raises ValueError when they share no query."""
    table = Table("measure", first.variant, second.variant, "difference", "better", "worse", "p")
    for name in first.values:
        if name in second.values:
            found = difference(first.values[name], second.values[name])
            style = ("green" if found.second > found.first else "red") if found.p < CERTAIN else ""
            cells = [name, f"{found.first:.4f}", f"{found.second:.4f}", f"{found.second - found.first:+.4f}"]
            table.add_row(*cells, str(found.better), str(found.worse), f"{found.p:.4f}", style=style)
    for percent in (50, 99):
        one, two = first.latency_ms(percent), second.latency_ms(percent)
        table.add_row(f"latency p{percent}", f"{one:.1f} ms", f"{two:.1f} ms", f"{two - one:+.1f} ms", "", "", "")
    return table


def front(runs: Sequence[Run], measure: str = "nDCG@10") -> tuple[Run, ...]:
    """The runs that no other beats in both quality and median latency (Pareto)."""
    points = [(run.means[measure], run.latency_ms(50)) for run in runs]

    def beaten(place: int) -> bool:
        quality, latency = points[place]
        return any(
            other[0] >= quality and other[1] <= latency and other != points[place]
            for at, other in enumerate(points)
            if at != place
        )

    return tuple(run for place, run in enumerate(runs) if not beaten(place))


def sweep(runs: Sequence[Run], measure: str = "nDCG@10") -> Table:
    """All variants of a sweep, the best first; those on the Pareto front of quality and latency are marked."""
    best = front(runs, measure)
    table = Table("front", "variant", *MEASURES, "p50 ms", "p99 ms")
    for run in sorted(runs, key=lambda run: -run.means[measure]):
        values = [f"{run.means[name]:.4f}" for name in MEASURES]
        latencies = [f"{run.latency_ms(50):.1f}", f"{run.latency_ms(99):.1f}"]
        on_front = any(run is each for each in best)
        table.add_row("●" if on_front else "", run.variant, *values, *latencies, style="bold" if on_front else "")
    return table
