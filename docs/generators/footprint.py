"""docs/footprint.md: what an installation takes of a cluster, and the images it runs, from the charts' values."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from delivery.image_set import IMAGES, pinned
from generators import charts
from generators.configuration import row

PROFILES = ("small", "medium", "large")
UNITS = {"m": 0.001, "Mi": 1 / 1024, "Gi": 1.0, "Ti": 1024.0, "": 1.0}
# Values that name a whole image of somebody else, and what it is for.
ROOT = Path(__file__).parents[2]
OTHER_IMAGES = {
    ("trace-collector", "collectorImage"): "trace collector",
    ("vector-store", "cluster.image"): "only with `mode: cluster`; CloudNativePG adds its own PgBouncer for a pooler",
}
OURS = {
    "orchestrator": "orchestrator; migration; preparing and checking the database",
    "llm-proxy": "LLM pool",
    "local-models": "embeddings and offline answers, model weights included",
    "ingestion": "ingestion worker",
    "observability": "trace buffer, retention, setting up the trace store",
    "mlflow": "trace store",
    "postgres": "only with `mode: single`: the database, its backups",
}

HEAD = """\
# What an installation takes

<!-- Made by `make generate` from charts/*/values.yaml by docs/generators/footprint.py. Edit those. -->

By `profile`, with the replicas of the default values and no autoscaling. A request is set aside by the scheduler, a
limit is what a pod may take at most. Jobs (migration, backup, retention) come and go beside these, each with less than
0.4 GiB.
"""


@dataclass(frozen=True)
class Part:
    """Pods of one kind."""

    name: str
    replicas: int
    profiles: dict[str, Any]


def text() -> str:
    """The whole document."""
    return "\n".join([HEAD, *_pods(), "", *_volumes(), "", *_images()]) + "\n"


def parts() -> list[Part]:
    """Every kind of pod that is there by default."""
    return [part for chart in charts.applications() for part in _parts(chart)]


def _parts(chart: str) -> Iterator[Part]:
    values = charts.own(chart).over(charts.imported(chart)).defaults
    if "profiles" in values:
        yield Part(chart, values.get("replicas", 1), values["profiles"])
    for name, below in values.items():
        if isinstance(below, dict) and "profiles" in below:
            yield Part(f"{chart}, {name}", below.get("replicas", 1), below["profiles"])


def _pods() -> Iterator[str]:
    yield "| pods | replicas | " + " | ".join(f"{profile}: CPU, memory (limit)" for profile in PROFILES) + " |"
    yield "|---|---|" + "---|" * len(PROFILES)
    totals = {profile: [0.0, 0.0, 0.0] for profile in PROFILES}
    for part in parts():
        cells: list[str] = []
        for profile in PROFILES:
            size = part.profiles[profile]
            cpu, memory, limit = (
                quantity(size[kind][what])
                for kind, what in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))
            )
            for index, value in enumerate((cpu, memory, limit)):
                totals[profile][index] += value * part.replicas
            cells.append(_size(cpu, memory, limit))
        yield row(part.name, str(part.replicas), *cells)
    yield row("**together**", "", *(f"**{_size(*totals[profile])}**" for profile in PROFILES))


def _volumes() -> Iterator[str]:
    yield "| volume | size by default | value |"
    yield "|---|---|---|"
    for chart in charts.applications():
        values = charts.own(chart).defaults
        for path, size in _sizes(values, ""):
            unless = " (only with `backup.enabled`)" if path.startswith("backup.") else ""
            yield row(chart + unless, size, f"`{path}`")


def _sizes(values: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        own = f"{path}{key}"
        if key == "size" and isinstance(value, str):
            yield own, value
        elif isinstance(value, dict) and "{" not in own:
            yield from _sizes(value, f"{own}.")


def _images() -> Iterator[str]:
    yield "## Images"
    yield ""
    yield "`registry` is `global.image.registry`, the tag `global.image.tag`, or a digest of `global.image.digests`."
    yield ""
    yield "| image | for |"
    yield "|---|---|"
    for name in IMAGES:
        yield row(f"`registry/fairlead-{name}`", OURS[name])
    for name, tag in pinned(ROOT).items():
        yield row(f"`registry/fairlead-{name}:{tag}`", f"{OURS[name]}; it has a tag of its own")
    for (chart, path), purpose in OTHER_IMAGES.items():
        value: Any = charts.own(chart).defaults
        for step in path.split("."):
            value = value[step]
        yield row(f"`{value}` (value `{path}` of {chart})", purpose)


def quantity(text: str | int) -> float:
    """A quantity of Kubernetes in cores or GiB."""
    found = re.fullmatch(r"([0-9.]+)(m|Mi|Gi|Ti)?", str(text))
    if found is None:
        raise ValueError(f"{text} is no quantity of CPU or memory that this page knows")
    return float(found[1]) * UNITS[found[2] or ""]


def _size(cpu: float, memory: float, limit: float) -> str:
    return f"{cpu:.3g}, {memory:.2g} GiB ({limit:.3g} GiB)"
