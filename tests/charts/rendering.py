"""Charts rendered by the real helm: each `ci/*-values.yaml` under a release and a namespace of its own."""

import os
import random
import shutil
import string
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

CHARTS = Path(__file__).parents[2] / "charts"
HELM, KUBECONFORM = shutil.which("helm"), shutil.which("kubeconform")
SCHEMAS = os.environ.get("FAIRLEAD_SCHEMAS", "")
needs_helm = pytest.mark.skipif(HELM is None, reason="helm is not on PATH")
needs_schemas = pytest.mark.skipif(
    HELM is None or KUBECONFORM is None or not SCHEMAS,
    reason="helm or kubeconform is not on PATH, or FAIRLEAD_SCHEMAS does not name the folder of JSON schemas for it",
)
# What makes pods, and where it says so.
POD_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Rollout": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
SERVING = ("Deployment", "StatefulSet", "DaemonSet", "Rollout")
CLUSTER_WIDE = (
    "Namespace",
    "PriorityClass",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "GatewayClass",
)

Object = dict[str, Any]


@dataclass(frozen=True)
class Refused(Exception):
    """Helm refused the values, and said why."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(frozen=True)
class Scenario:
    """One tested installation of a chart."""

    chart: str
    values: Path

    def __str__(self) -> str:
        return f"{self.chart}-{self.values.stem.removesuffix('-values')}"


@dataclass(frozen=True)
class Rendered:
    """What Helm would send to the cluster."""

    release: str
    namespace: str
    objects: tuple[Object, ...]
    text: str

    def of(self, *kinds: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] in kinds]

    def pods(self) -> Iterator[tuple[Object, Object]]:
        """Each object that makes pods, with its pod template."""
        for each in self.of(*POD_TEMPLATES):
            template = each
            for step in POD_TEMPLATES[each["kind"]]:
                template = template[step]
            yield each, template


def charts() -> list[str]:
    """Every chart that can be installed."""
    found = (path for path in CHARTS.glob("*/Chart.yaml") if yaml.safe_load(path.read_text())["type"] == "application")
    return sorted(path.parent.name for path in found)


def scenarios() -> list[Scenario]:
    """Every tested installation."""
    files = {chart: sorted((CHARTS / chart / "ci").glob("*-values.yaml")) for chart in charts()}
    return [Scenario(chart, path) for chart, paths in files.items() for path in paths]


@cache
def built() -> Path:
    """A copy of all charts with their dependencies, made once in each test process; the checkout stays as it is."""
    folder = Path(tempfile.mkdtemp(prefix="fairlead-charts-"))
    shutil.copytree(CHARTS, folder / "charts", ignore=shutil.ignore_patterns("charts", "Chart.lock"))
    for chart in charts():
        done = _helm("dependency", "update", "--skip-refresh", str(folder / "charts" / chart))
        assert done.returncode == 0, f"{chart}: {done.stderr}"
    return folder / "charts"


@cache
def rendered(scenario: Scenario) -> Rendered:
    """The scenario under a random release and namespace: nothing may depend on what they are called."""
    return render(scenario.chart, [scenario.values], release=random_name("r"), namespace=random_name("ns"))


def render(
    chart: str,
    files: Iterable[Path] = (),
    values: Mapping[str, Any] | None = None,
    *,
    release: str | None = None,
    namespace: str = "fairlead-test",
) -> Rendered:
    """The chart with these values, its release called as it is by default; raises Refused with Helm's words."""
    release = release or chart
    arguments = ["template", release, str(built() / chart), "--namespace", namespace]
    for file in files:
        arguments += ["--values", str(file)]
    done = _helm(*arguments, "--values", "-", stdin=yaml.safe_dump(dict(values or {})))
    if done.returncode != 0:
        raise Refused(done.stderr)
    assert "warning" not in done.stderr.lower(), done.stderr
    objects = tuple(each for each in yaml.safe_load_all(done.stdout) if each)
    return Rendered(release, namespace, objects, done.stdout)


def invalid(text: str) -> str:
    """What kubeconform finds wrong with these objects; empty: nothing."""
    place = SCHEMAS + "/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"
    command = [str(KUBECONFORM), "-strict", "-schema-location", place]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def random_name(prefix: str) -> str:
    return prefix + "".join(random.choices(string.ascii_lowercase + string.digits, k=9))


def named(each: Object) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


def picks(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a selector of labels picks what carries `labels`."""
    return selector.items() <= labels.items()


def _helm(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(HELM), *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=120
    )
