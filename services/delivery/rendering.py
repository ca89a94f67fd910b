"""What Kubernetes would be told: charts rendered as Argo CD renders them, and how two renderings differ."""

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
    """A unified diff, chart after chart; empty where nothing changes."""
    parts: list[str] = []
    for chart in after:
        parts += unified_diff(
            before.get(chart, "").splitlines(),
            after[chart].splitlines(),
            f"{chart} (now)",
            f"{chart} (then)",
            "",
            "",
            3,
            "",
        )
    return "\n".join(parts)
