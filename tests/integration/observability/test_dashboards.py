"""Every query of every panel, run by a real Prometheus over the real platform after a real day in small, returns data.

Only what a cluster alone can tell (cAdvisor, kube-state-metrics) is told by `fakes.cluster_metrics`.
"""

import asyncio
import itertools
import json
import math
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import yaml

from common.metrics import DEFINED
from conftest import free_port
from e2e.running_platform import RunningPlatform, running
from fakes import cluster_metrics
from observability.dashboards.catalog import DASHBOARDS, path
from observability.dashboards.grafana import RELEASED, RETUNED
from observability.dashboards.panel import Dashboard, Panel, Query
from standalone.settings import StandaloneSettings

ROOT = Path(__file__).parents[3]
needs_binaries = pytest.mark.skipif(
    shutil.which("otelcol") is None or shutil.which("prometheus") is None,
    reason="needs otelcol (contrib) and prometheus on PATH",
)
# Seven windows of the control chart, and some more.
DOCUMENTS = 150
PATIENCE_S = 240.0
PANELS = [
    pytest.param(dashboard, panel, id=f"{dashboard.name}: {panel.title}")
    for dashboard in DASHBOARDS
    for panel in dashboard.panels
]
# These must not only be there: the day had something of each.
ABOVE_ZERO = {
    "Steps that could not do their part",
    "Cost per hour by model",
    "Cost of an answer, mean",
    "Share of answers that were degraded, failed or refused",
    "Share of thumbs that are down",
    "Share of requests that failed, by route",
    "Files that failed, by reason",
    "Use of budgets",
    "Processor time against the request",
    "Edits by result, per hour",
}
# A budget binds only where every model has a price; {} is free.
PRICES = {
    "currency": "EUR",
    "models": {"chat": {"input": 100, "output": 200}, "all-MiniLM-L6-v2": {}, "rerank": {}},
}
EDIT_S = 20.0
MODEL_AWAY_EVERY = 4


@dataclass
class Day:
    """The platform after its day, and the Prometheus that watched."""

    platform: RunningPlatform
    prometheus: httpx.AsyncClient
    orchestrator: httpx.AsyncClient
    traces: set[str] = field(default_factory=set[str])
    numbers: Any = field(default_factory=itertools.count)

    async def query(self, expr: str) -> list[float]:
        """The values that an expression has now; what is no number is none."""
        asked = expr.replace("$__rate_interval", "1m").replace("$namespace", ".*")
        answer = await self.prometheus.get("/api/v1/query", params={"query": asked})
        assert answer.status_code == 200, f"{asked}: {answer.text}"
        values = [float(result["value"][1]) for result in answer.json()["data"]["result"]]
        return [value for value in values if math.isfinite(value)]

    async def ask(self, question: str, **fields: Any) -> dict[str, Any]:
        body = {"messages": [{"role": "user", "content": question}], **fields}
        answer = await self.orchestrator.post("/v1/chat/completions", json=body)
        self.traces.add(answer.json().get("trace_id", ""))
        return answer.json()

    async def go_on(self) -> None:
        """What people do all day: ask, judge, search, bring documents, and sometimes get it wrong."""
        number = next(self.numbers)
        answer = await self.ask(f"Which rope holds berth {number % DOCUMENTS}?")
        verdict = {"trace_id": answer["trace_id"], "value": "down" if number % 3 == 0 else "up"}
        assert (await self.orchestrator.post("/v1/feedback", json=verdict)).status_code == 201
        store = (await self.orchestrator.get("/v1/vector_stores")).json()["data"][0]["id"]
        await self.orchestrator.post(f"/v1/vector_stores/{store}/search", json={"query": f"berth {number}"})
        await self.orchestrator.post("/v1/chat/completions", json={"messages": []})
        # An error of ours: the time that is left is too short for any answer.
        hurried = {"messages": [{"role": "user", "content": "Which rope?"}]}
        late = await self.orchestrator.post(
            "/v1/chat/completions", json=hurried, headers={"x-request-deadline-ms": "1"}
        )
        assert late.status_code == 504
        for name, content in (
            (f"new-{number}.md", f"# Berth {number}\n\nA new rope."),
            (f"blank-{number}.txt", "  \n"),
        ):
            upload = {"files": {"file": (name, content.encode())}, "data": {"purpose": "assistants"}}
            file = (await self.orchestrator.post("/v1/files", **upload)).json()["id"]
            await self.orchestrator.post(f"/v1/vector_stores/{store}/files", json={"file_id": file})
        for port in ("ORCHESTRATOR_PORT", "LLM_PROXY_PORT", "LOCAL_MODELS_PORT", "INGESTION_PORT"):
            await self.orchestrator.get(f"http://127.0.0.1:{self.platform.ports[port]}/healthz")
        # Again and again, as all the rest: a rate only tells of what its window saw.
        if number % MODEL_AWAY_EVERY == 0:
            await self.lose_model()

    async def lose_model(self) -> None:
        """Nothing listens where the model was; three questions are answered by their passages; it is back."""
        models = yaml.safe_load(self.pool_file.read_text())["models"]
        working = models["chat"]
        gone = working["endpoints"][0] | {"url": "http://127.0.0.1:1/v1"}
        await self.configure(models=models | {"chat": working | {"endpoints": [gone]}})
        for _ in range(3):
            assert (await self.ask("Which rope holds berth 7?"))["degraded"] == ["generate"]
        await self.configure(models=models)

    async def configure(self, **changes: Any) -> None:
        """Edit the pool's configuration and wait until that is in force."""
        url = f"http://127.0.0.1:{self.platform.ports['LLM_PROXY_PORT']}/v1/config"
        before = (await self.orchestrator.get(url)).json()["hash"]
        self.pool_file.write_text(yaml.safe_dump(yaml.safe_load(self.pool_file.read_text()) | changes))
        async with asyncio.timeout(EDIT_S):
            while (status := (await self.orchestrator.get(url)).json())["hash"] == before:
                assert status["last_error"] is None
                await asyncio.sleep(0.1)

    @property
    def pool_file(self) -> Path:
        """The pool's configuration."""
        return self.platform.folder / "config" / "llm-proxy.yaml"


@pytest.fixture(scope="module")
async def day(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Day]:
    folder = tmp_path_factory.mktemp("platform")
    documents = folder / "documents"
    documents.mkdir()
    for number in range(DOCUMENTS):
        rope = f"Berth {number} takes ropes of {20 + number} millimetres. " * (1 + number % 4)
        (documents / f"berth-{number}.md").write_text(f"# Berth {number}\n\n{rope}\n")
    (documents / "prices.csv").write_text("berth,price\n1,20\n2,30\n")
    ports = {name: free_port() for name in StandaloneSettings.model_validate({"observe": "full"}).ports()}
    async with (
        cluster_metrics.serving() as cluster_port,
        running(folder / "data", ports, DOCS=str(documents), OBSERVE="full") as platform,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports['PROMETHEUS_PORT']}", timeout=30) as prometheus,
        httpx.AsyncClient(base_url=platform.address, timeout=60) as orchestrator,
    ):
        day = Day(platform, prometheus, orchestrator)
        await _watch_cluster(day, cluster_port)
        await day.configure(prices=PRICES, callers={"default": {"spend": {"amount": 100}}})
        await day.go_on()
        yield day


async def _watch_cluster(day: Day, port: int) -> None:
    """Have Prometheus read the stand-in for a cluster's metrics too."""
    file = next(day.platform.folder.rglob("prometheus.yaml"))
    config = yaml.safe_load(file.read_text())
    config["scrape_configs"].append(
        {"job_name": "cluster", "honor_labels": True, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    )
    file.write_text(yaml.safe_dump(config))
    assert (await day.prometheus.post("/-/reload")).status_code == 200


@needs_binaries
async def test_every_panel_has_data(day: Day) -> None:
    empty: dict[str, Query] = {
        f"{dashboard.name} / {panel.title} / {query.legend}": query
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for query in panel.queries
    }
    seen: dict[str, list[float]] = {}
    try:
        async with asyncio.timeout(PATIENCE_S):
            while empty:
                await day.go_on()
                for name, query in list(empty.items()):
                    values = await day.query(query.expr)
                    wanted = any(title in name for title in ABOVE_ZERO)
                    if any(value > 0 for value in values) if wanted else values:
                        seen[name] = values
                        del empty[name]
    except TimeoutError:
        pass
    assert not empty, "\n".join(f"{name}: {query.expr}" for name, query in empty.items())
    assert len(seen) > 100


@needs_binaries
async def test_a_point_of_a_graph_leads_to_the_trace_of_an_answer_that_was_asked(day: Day) -> None:
    await day.go_on()

    async def named() -> set[str]:
        params = {"query": "fairlead_answer_first_text_seconds_bucket", "start": "0", "end": "9999999999"}
        found = (await day.prometheus.get("/api/v1/query_exemplars", params=params)).json()["data"]
        return {exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]}

    async with asyncio.timeout(PATIENCE_S):
        while not (traces := await named()):
            await asyncio.sleep(0.5)
    assert traces <= day.traces


@needs_binaries
async def test_the_lines_across_the_dashboards_are_queries_that_prometheus_understands(day: Day) -> None:
    for expr in (RELEASED, RETUNED):
        assert await day.query(expr), "everything here is less than five minutes old, so all of it is new"


@pytest.mark.parametrize(("dashboard", "panel"), PANELS)
def test_every_panel_says_what_it_shows(dashboard: Dashboard, panel: Panel) -> None:
    assert panel.title and panel.unit and panel.queries
    assert panel.meaning.endswith("."), "a sentence"
    titles = [other.title for other in dashboard.panels]
    assert titles.count(panel.title) == 1
    for query in panel.queries:
        names = set(re.findall(r"\bfairlead_[a-z_0-9]+", query.expr))
        known = {re.sub(r"_(bucket|sum|count)$", "", name) if name not in DEFINED else name for name in names}
        assert known <= set(_all_metrics()), "metrics that no service has"
        assert "namespace" in query.expr, "environments on one Prometheus must be told apart"


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.name)
def test_the_json_is_what_grafana_imports(dashboard: Dashboard) -> None:
    board = json.loads((ROOT / path(dashboard)).read_text(encoding="utf-8"))
    assert board["uid"] == f"fairlead-{dashboard.name}"
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert set(variables) == {"datasource", "namespace", "trace_url"}
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert [panel["title"] for panel in panels] == [panel.title for panel in dashboard.panels]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    boxes = [panel["gridPos"] for panel in board["panels"]]
    assert not any(_overlap(one, other) for one, other in itertools.combinations(boxes, 2))
    for panel, made in zip(dashboard.panels, panels, strict=True):
        assert made["description"] == panel.meaning
        assert made["fieldConfig"]["defaults"]["unit"]
        assert made["datasource"]["uid"] == "${datasource}"
        assert [target["expr"] for target in made["targets"]] == [query.expr for query in panel.queries]
        if panel.traced:
            assert all(target["exemplar"] for target in made["targets"])
            assert made["fieldConfig"]["defaults"]["links"][0]["url"] == "${trace_url}"


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not beside and not above


def _all_metrics() -> set[str]:
    import importlib
    import pkgutil

    for package in ("common", "orchestrator", "llm_proxy", "ingestion", "local_models", "observability"):
        root = importlib.import_module(package)
        for module in pkgutil.walk_packages(root.__path__, f"{package}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    return set(DEFINED)
