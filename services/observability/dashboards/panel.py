"""What a dashboard is made of, without a word of Grafana's JSON: panels with a unit, a meaning and queries."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["graph", "number", "table"]
Chart = Literal["orchestrator", "llm-proxy", "ingestion", "trace-collector", "platform"]
Unit = Literal["percentunit", "s", "bytes", "reqps", "cps", "short", "none", "bool", "cores"]
"""Grafana's own ids, but for `cores`, which it shows as a suffix."""


@dataclass(frozen=True)
class Query:
    """One PromQL expression. `legend` may name labels as `{{label}}`."""

    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """`meaning` tells a person who sees it for the first time what is good, what is bad and where to look next.

    `traced`: the metric carries exemplars, which lead from a point of the graph to the trace behind it.
    """

    title: str
    unit: Unit
    meaning: str
    queries: tuple[Query, ...]
    kind: Kind = "graph"
    traced: bool = False
    at_most: float | None = None
    """Where the trouble begins: drawn as a line, and what is above in red."""
    at_least: float | None = None
    """The same for what should not fall."""


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """`name` is that of its file and of its address in Grafana."""

    name: str
    title: str
    chart: Chart
    purpose: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> Iterator[Panel]:
        """All of them, in their order."""
        for row in self.rows:
            yield from row.panels
