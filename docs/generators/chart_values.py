"""docs/charts.md: how the charts are used, and every value of each."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from generators import charts
from generators.configuration import row

HEAD = """\
# Charts

<!-- Made by `make generate` from charts/*/values.yaml by docs/generators/chart_values.py. Edit those. -->

One chart for each part that is deployed, all made of the templates of `charts/common`. They are installed by Argo
CD; by hand, after `helm dependency build charts/orchestrator`:

    helm upgrade --install orchestrator charts/orchestrator --namespace fairlead-dev --values my.yaml

A release that is called as its chart is gives its objects just that name, and the charts find each other by it:
`llm-proxy`, `trace-collector`. Under another name the URLs of the values say where the others are.

**A wrong value is refused before anything changes**, with the field's path: every chart has a schema that is made
of its own values, and the schema of `tunables` is made of the model by which the service itself validates them.

**Secrets** are only referred to. People make them, or External Secrets does where `externalSecrets.enabled` says
so:

| Secret | keys | read by |
|---|---|---|
| `fairlead-api-keys` | `keys.json`: hashed API keys | every service; an edit is effective within seconds |
| `fairlead-service-keys` | one for each service, by the chart's name | that service alone; read afresh |
| `fairlead-database` | `url`, `owner-url` | services; migration and retention; at start |
| `fairlead-database` | `mlflow-url`, `superuser-password` | trace-store; the database's own first start and Jobs |
| `fairlead-model-keys` | any: keys of endpoints | llm-proxy; an edit is effective within seconds |
| `fairlead-trace-store` | `username`, `password`, `flask-secret-key` | trace-store; at start |
| `fairlead-trace-store` | `authorization` | orchestrator, trace-collector; read afresh |

**Tunables** are a ConfigMap `RELEASE-tunables`, one key for each tunable by its dotted path (of the pool:
`config.yaml`). It is no part of the pods' checksum: an edit restarts nothing. What is read at start alone does.

**Requests and limits.** A request is what the scheduler sets aside for a pod; a limit is where memory ends the pod
and where CPU is slowed down. `profile` picks both together: `small` answers a few people on a laptop, `medium` a
department, `large` more; `resources` goes before it. Resident memory measured
in a cluster of one node, started and without load: orchestrator 120 MB, llm-proxy 80 MB, local-models 390 MB, ingestion
150 MB.

**Network policies** deny what they do not name, in both directions; a chart's peers are found by their labels. Pods
of Jobs are called `CHART-JOB`: `orchestrator-migration`, `orchestrator-smoke`.

**Autoscaling** goes by what is being done. By `custom-metric` the HorizontalPodAutoscaler needs an adapter that
serves the pods' metrics; `keda` asks Prometheus itself; `cpu` needs metrics-server alone, and sees a load of
streams that wait for a model late.

## Values of every chart

"""


def text() -> str:
    """The whole document."""
    shared = charts.imported("local-models")
    lines = list(_table(shared.defaults, shared.words))
    for chart in charts.applications():
        own, imported = charts.own(chart), charts.imported(chart)
        # What the library gives to this chart beyond what the first table has.
        differing = _flat(imported.defaults, imported.words).items() - _flat(shared.defaults, shared.words).items()
        flat = dict(differing) | _flat(own.defaults, own.words)
        lines += ["", f"## {chart}", "", *_rows(dict(sorted(flat.items(), key=_place(own))))]
    return HEAD + "\n".join(lines) + "\n"


def _place(own: charts.Values) -> Any:
    order = {name: number for number, name in enumerate(own.defaults)}
    return lambda item: (order.get(item[0].split(".")[0], len(order)), item[0])


def _table(defaults: dict[str, Any], words: dict[str, str]) -> Iterator[str]:
    yield from _rows(_flat(defaults, words))


def _rows(cells: dict[str, tuple[str, str]]) -> Iterator[str]:
    yield "| value | default | meaning |"
    yield "|---|---|---|"
    for path, (default, meaning) in cells.items():
        yield row(f"`{path}`", default, meaning)


def _flat(value: Any, words: dict[str, str], path: str = "") -> dict[str, tuple[str, str]]:
    """Each leaf by its dotted path: its default, and what is said of it. Long ones are only named."""
    if isinstance(value, dict) and value and not _is_whole(path):
        found = {path: ("", words[path])} if path in words else {}
        for key, each in value.items():
            found |= _flat(each, words, f"{path}.{key}" if path else key)
        return found
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else text
    shown = "(see the file)" if len(text) > 70 else f"`{text}`"
    return {path: (shown, words.get(path, ""))}


def _is_whole(path: str) -> bool:
    """Values that are read as one: a profile's sizes, a configuration."""
    return path.startswith("profiles.") or path == "tunables"
