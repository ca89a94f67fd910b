"""What Kubernetes would be told: charts rendered as Argo CD renders them, and how two renderings differ."""

import re
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import Path

from delivery.commands import DeliveryError, run

SHARED_VALUES = ("common.yaml", "image.yaml")


def value_files(root: Path, environment: str, chart: str) -> list[Path]:
    """The chart's values in an environment, the later file winning; those that are not there are left out."""
    folder = root / "argocd" / "envs" / environment
    files = [folder / name for name in (*SHARED_VALUES, f"{chart}.yaml")]
    return [file for file in files if file.is_file()]


def render(root: Path, environment: str, charts: tuple[str, ...]) -> dict[str, str]:
    """Every chart's manifests. Charts are built in place, so `root` is a checkout of one's own."""
    rendered: dict[str, str] = {}
    for chart in charts:
        folder = root / "charts" / chart
        if not (folder / "Chart.yaml").is_file():
            raise DeliveryError(f"charts/{chart} is no chart: take it off the list in argocd/root/values.yaml")
        run(["helm", "dependency", "build", "--skip-refresh", str(folder)], root)
        files = [argument for file in value_files(root, environment, chart) for argument in ("--values", str(file))]
        rendered[chart] = run(
            ["helm", "template", chart, str(folder), "--namespace", f"fairlead-{environment}", *files], root
        )
    return rendered


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """A unified diff, object after object; empty where nothing changes."""
    parts: list[str] = []
    for chart in {**before, **after}:
        old, new = _objects(before.get(chart, "")), _objects(after.get(chart, ""))
        for name in {**old, **new}:
            title = f"{chart}: {name}"
            parts += unified_diff(old.get(name, []), new.get(name, []), title, title, "(now)", "(then)", 3, "")
    return "\n".join(parts)


def _objects(text: str) -> dict[str, list[str]]:
    """The lines of each object, by its kind and name."""
    found: dict[str, list[str]] = {}
    for document in re.split(r"^---.*\n", text, flags=re.MULTILINE):
        kind = re.search(r"^kind: (.+)$", document, re.MULTILINE)
        name = re.search(r"^  name: (.+)$", document, re.MULTILINE)
        if kind and name:
            found[f"{kind[1]} {name[1]}"] = document.splitlines()
    return found
