"""The dashboards' JSON below `charts/`, and docs/dashboards.md, by which they can be reviewed without Grafana."""

from collections.abc import Callable, Iterator
from functools import partial

from generators.configuration import row
from observability.dashboards import grafana
from observability.dashboards.catalog import DASHBOARDS, path
from observability.dashboards.panel import Dashboard, Panel, Query
from observability.dashboards.promql import NAMESPACE, WINDOW

UNITS = {
    "percentunit": "share, 0 to 1 (shown as %)",
    "s": "seconds",
    "bytes": "bytes",
    "reqps": "requests per second",
    "cps": "per second",
    "short": "count",
    "none": "number",
    "bool": "1 or 0",
    "cores": "cores",
}
IMPORT = """\
## Import

In a cluster they come with the charts. To see them beside `make run OBSERVE=full`, whose Prometheus is on port 9090:

1. Start any Grafana from version 10.1 on, on the same machine.
2. Connections → Data sources → add Prometheus with the URL `http://127.0.0.1:9090`. So that the diamonds in graphs
   (exemplars) lead to their traces, add under Exemplars: label name `trace_id`, and as URL what an answer of the chat
   page links to, with `${__value.raw}` in the place of the id, such as
   `http://127.0.0.1:5000/#/experiments/1/traces/tr-${__value.raw}`.
3. Dashboards → New → Import → upload each `charts/*/dashboards/*.json`. The data source is a variable of the
   dashboard; `trace_url`, another one, is where the link *Traces* of a panel goes.

The same as provisioning files, for a Grafana that finds this checkout in `/fairlead`:

```yaml
# provisioning/datasources/fairlead.yaml
apiVersion: 1
datasources:
  - name: Fairlead
    type: prometheus
    access: proxy
    url: http://127.0.0.1:9090
    jsonData:
      exemplarTraceIdDestinations:
        - name: trace_id
          url: http://127.0.0.1:5000/#/experiments/1/traces/tr-$${__value.raw}
---
# provisioning/dashboards/fairlead.yaml
apiVersion: 1
providers:
  - name: fairlead
    folder: Fairlead
    type: file
    options: {path: /fairlead/charts}
```
"""


def files() -> dict[str, Callable[[], str]]:
    """What to write, by path."""
    return {path(dashboard): partial(grafana.json, dashboard) for dashboard in DASHBOARDS}


def text() -> str:
    """docs/dashboards.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Dashboards"
    yield ""
    yield "<!-- Made by `make generate` from services/observability/dashboards. Edit that. -->"
    yield ""
    yield "Every panel of every dashboard, with the query behind it. ◆: points of the graph lead to traces. `↑` and `↓`"
    yield "say where the trouble begins: above or below. What the metrics mean is in [metrics.md](metrics.md)."
    yield ""
    yield "The queries can be pasted into Prometheus as they stand: with a window of five minutes, where Grafana"
    yield "chooses one that fits the time shown, and for all namespaces, where each dashboard has a choice of them."
    yield "Dashboards are code: edit the module, run `make generate`, and review the difference here."
    yield ""
    for dashboard in DASHBOARDS:
        yield f"- [{dashboard.title.removeprefix('Fairlead: ')}](#{_anchor(dashboard)}): {dashboard.purpose}"
    yield ""
    yield from IMPORT.splitlines()
    for dashboard in DASHBOARDS:
        yield from _dashboard(dashboard)


def _dashboard(dashboard: Dashboard) -> Iterator[str]:
    yield ""
    yield f"## {dashboard.title.removeprefix('Fairlead: ')}"
    yield ""
    yield f"{dashboard.purpose} (`{path(dashboard)}`)"
    for group in dashboard.rows:
        yield ""
        yield f"### {group.title}"
        yield ""
        yield "| panel | unit | query | meaning |"
        yield "|---|---|---|---|"
        for panel in group.panels:
            queries = "<br>".join(f"{_legend(query)}`{_pasted(query.expr)}`" for query in panel.queries)
            yield row(panel.title + (" ◆" if panel.traced else ""), _unit(panel), queries, panel.meaning)


def _legend(query: Query) -> str:
    """What tells the lines of a panel apart, where a query does not say it by itself."""
    return "" if "{{" in query.legend else f"{query.legend}: "


def _pasted(expr: str) -> str:
    bare = expr.replace(f"{NAMESPACE},", "").replace(f"{{{NAMESPACE}}}", "")
    return bare.replace(WINDOW, "5m")


def _unit(panel: Panel) -> str:
    limit = f"; ↑ {panel.at_most:g}" if panel.at_most is not None else ""
    limit += f"; ↓ {panel.at_least:g}" if panel.at_least is not None else ""
    return UNITS[panel.unit] + limit


def _anchor(dashboard: Dashboard) -> str:
    return dashboard.title.removeprefix("Fairlead: ").lower().replace(" ", "-")
