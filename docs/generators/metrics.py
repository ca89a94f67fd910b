"""docs/metrics.md, from the metrics that the services define."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

from common.metrics import DEFINED, Definition
from generators.configuration import row
from observability.dashboards.catalog import DASHBOARDS

PACKAGES = {
    "common": "Every service",
    "orchestrator": "orchestrator",
    "llm_proxy": "llm-proxy",
    "ingestion": "ingestion",
    "local_models": "local-models",
    "observability": "observability (the trace buffer)",
}
UNITS = (
    ("_timestamp_seconds", "Unix seconds"),
    ("_seconds", "seconds"),
    ("_bytes", "bytes"),
    ("_ratio", "share, 0 to 1"),
    ("_cost", "currency"),
    ("_cost_total", "currency"),
)


def text() -> str:
    """The whole document."""
    return "\n".join(_lines()) + "\n"


def by_package() -> dict[str, list[Definition]]:
    """Every metric, under the package whose code defines it."""
    found: dict[str, list[Definition]] = {}
    for package in PACKAGES:
        root = importlib.import_module(package)
        for module in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        text = "\n".join(path.read_text(encoding="utf-8") for path in Path(root.__path__[0]).rglob("*.py"))
        found[package] = [definition for name, definition in DEFINED.items() if _written(name) in text]
    return found


def _lines() -> Iterator[str]:
    yield "# Metrics"
    yield ""
    yield "<!-- Made by `make generate` from the services' own definitions. Edit those. -->"
    yield ""
    yield "What `/metrics` of each service says, beside Python's own `process_*`. A scraper that asks for OpenMetrics"
    yield "gets exemplars: the `trace_id` of a request beside what was measured of it. Where several processes share a"
    yield "port (`FAIRLEAD_WORKERS` of llm-proxy) there are none."
    yield ""
    yield "Labels take their values from code and configuration alone: a name that a client makes up (a model, a route,"
    yield "a tenant) is `other` or counted under no name, so clients cannot add series. Tenants are named where the"
    yield "configuration names them: by `quotas` or `telemetry.content.tenants` in the orchestrator, by `callers` in"
    yield "the pool. Ten thousand requests with names of their own make not one series more"
    yield "(`tests/integration/orchestrator/test_series.py`, `tests/integration/llm_proxy/test_series.py`)."
    yield ""
    yield "The bounds of buckets of durations are powers of two, bounds of native histograms of every resolution too:"
    yield "quantiles stay comparable when Prometheus turns classic histograms into native ones"
    yield "(`convert_classic_histograms_to_nhcb`)."
    for package, definitions in by_package().items():
        yield ""
        yield f"## {PACKAGES[package]}"
        yield ""
        yield "| metric | type | labels | unit | meaning | dashboards |"
        yield "|---|---|---|---|---|---|"
        for definition in sorted(definitions, key=lambda one: one.name):
            yield row(
                f"`{definition.name}`",
                definition.kind,
                ", ".join(f"`{label}`" for label in definition.labels),
                unit(definition),
                definition.meaning,
                ", ".join(_used_by(definition)),
            )


def _written(name: str) -> str:
    """The name as code gives it to `counter`, `gauge` or `histogram`."""
    return '"' + name.removeprefix("fairlead_") + '"'


def unit(definition: Definition) -> str:
    """What its numbers count, by the end of its name."""
    ends = (said for end, said in UNITS if definition.name.endswith(end))
    return next(ends, "count")


def _used_by(definition: Definition) -> Iterator[str]:
    suffix = "(?:_bucket|_sum|_count)" if definition.kind == "histogram" else ""
    pattern = re.compile(rf"\b{definition.name}{suffix}\b")
    for dashboard in DASHBOARDS:
        if any(pattern.search(query.expr) for panel in dashboard.panels for query in panel.queries):
            yield f"[{dashboard.title.removeprefix('Fairlead: ')}](dashboards.md)"
