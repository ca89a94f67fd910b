"""From panels to Grafana's JSON, by Grafana's own SDK."""

from collections.abc import Sequence
from itertools import count

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from observability.dashboards.panel import Dashboard, Panel, Query

SOURCE = models.DataSourceRef("prometheus", "${datasource}")
WIDTH = 24
SIZES = {"graph": (12, 8), "number": (6, 5), "table": (12, 8)}
"""Width and height of each kind, on Grafana's grid of 24 columns."""
SUFFIXES = {"cores": "suffix: cores"}
GREEN, RED, BLUE = "green", "red", "blue"
TRACES_HERE = "http://127.0.0.1:5000/#/experiments"
"""Where traces are on one machine; in a cluster whoever installs the dashboards says."""
RELEASED = (
    'count by (service, commit) (fairlead_build_info{namespace=~"$namespace"}) unless count by (service, commit) '
    '(fairlead_build_info{namespace=~"$namespace"} offset 5m)'
)
RETUNED = (
    'count by (service, hash) (fairlead_config_info{namespace=~"$namespace"} == 1) unless count by (service, hash) '
    '(fairlead_config_info{namespace=~"$namespace"} offset 5m == 1)'
)


def json(source: Dashboard) -> str:
    """The dashboard as Grafana imports it."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(built(source).build()) + "\n"


def built(source: Dashboard) -> dashboard.Dashboard:
    """The dashboard as the SDK has it."""
    board = (
        dashboard.Dashboard(source.title)
        .uid(f"fairlead-{source.name}")
        .description(source.purpose)
        .tags(["fairlead"])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-6h", "now")
        .refresh("30s")
        .link(dashboard.DashboardLink("Fairlead").type(models.DashboardLinkType.DASHBOARDS).tags(["fairlead"])
              .as_dropdown(True).keep_time(True).include_vars(True))
        .with_variable(dashboard.DatasourceVariable("datasource").type("prometheus").label("Prometheus"))
        .with_variable(
            dashboard.QueryVariable("namespace")
            .label("Namespace")
            .query("label_values(fairlead_build_info, namespace)")
            .datasource(SOURCE)
            .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(models.VariableOption(text="All", value="$__all"))
        )
        .with_variable(
            dashboard.ConstantVariable("trace_url").label("Where traces are").value(TRACES_HERE)
        )
        .annotation(_annotation("Releases", RELEASED, BLUE))
        .annotation(_annotation("Configuration", RETUNED, GREEN))
    )  # fmt: skip
    ids = count(1)
    y = 0
    for row in source.rows:
        board.with_row(dashboard.Row(row.title).id(next(ids)).grid_pos(models.GridPos(1, WIDTH, 0, y)))
        y += 1
        for panel, place in zip(row.panels, _laid_out(row.panels, y), strict=True):
            board.with_panel(_panel(panel).id(next(ids)).grid_pos(place))
            y = max(y, place.y + place.h)
    return board


def _laid_out(panels: Sequence[Panel], y: int) -> list[models.GridPos]:
    """From left to right, as many in a line as fit."""
    places: list[models.GridPos] = []
    x = tallest = 0
    for panel in panels:
        width, height = SIZES[panel.kind]
        if x + width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        places.append(models.GridPos(height, width, x, y))
        x, tallest = x + width, max(tallest, height)
    return places


def _panel(panel: Panel) -> timeseries.Panel | stat.Panel | table.Panel:
    kinds = {"graph": _graph, "number": _number, "table": _table}
    made = kinds[panel.kind](panel)
    made.title(panel.title).description(panel.meaning).unit(SUFFIXES.get(panel.unit, panel.unit)).datasource(SOURCE)
    for number, query in enumerate(panel.queries):
        made.with_target(_target(panel, query, chr(ord("A") + number)))
    if panel.traced:
        made.data_links([dashboard.DashboardLink("Traces").url("${trace_url}").target_blank(True)])
    limits = _limits(panel)
    if limits is not None:
        made.thresholds(limits)
    return made


def _graph(panel: Panel) -> timeseries.Panel:
    made = timeseries.Panel().fill_opacity(5).show_points(common_models.VisibilityMode.NEVER)
    made.legend(
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    if panel.unit in ("percentunit", "bool"):
        made.min(0)
    if _limits(panel) is not None:
        style = common_models.GraphTresholdsStyleMode.DASHED
        made.thresholds_style(common.GraphThresholdsStyleConfig().mode(style))
    return made


def _number(panel: Panel) -> stat.Panel:
    return (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .decimals(2 if panel.unit == "percentunit" else 0)
    )


def _table(panel: Panel) -> table.Panel:
    _ = panel
    return table.Panel()


def _target(panel: Panel, query: Query, ref: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(ref).datasource(SOURCE)
    if panel.kind == "table":
        return target.instant().format(PromQueryFormat.TABLE)
    return target.range().exemplar(panel.traced)


def _limits(panel: Panel) -> dashboard.ThresholdsConfig | None:
    if panel.at_most is None and panel.at_least is None:
        return None
    below, limit, above = (RED, panel.at_least, GREEN) if panel.at_least is not None else (GREEN, panel.at_most, RED)
    steps = [models.Threshold(None, below), models.Threshold(limit, above)]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _annotation(name: str, expr: str, color: str) -> dashboard.AnnotationQuery:
    made = dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color(color)
    return made.expr(expr)
