"""An image holds what its service imports: every package is in the service's own group of dependencies."""

import ast
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"
IMAGES = ("orchestrator", "llm-proxy", "local-models", "ingestion", "observability")
# Made where the project is developed, and left out of images by services/image/pick.py.
NOT_IN_IMAGES = "dashboards"


def uv() -> str:
    found = shutil.which("uv", path=f"{ROOT / '.tools/uv/bin'}:{Path(sys.prefix) / 'bin'}") or shutil.which("uv")
    assert found, "make bootstrap installs uv"
    return found


def installed(group: str) -> set[str]:
    command = [uv(), "export", "--frozen", "--quiet", "--no-hashes", "--no-emit-project", "--no-default-groups"]
    text = subprocess.run(
        [*command, "--group", group], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    return {_canonical(found) for found in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", text, re.M)}


def third_party(service: str) -> dict[str, str]:
    """What is imported, with a file that does it: by the service's own modules and those of ours that they reach."""
    package = service.replace("-", "_")
    waiting = [path for path in (SERVICES / package).rglob("*.py") if NOT_IN_IMAGES not in path.parts]
    ours, seen = {path.name for path in SERVICES.iterdir()}, set[Path]()
    found: dict[str, str] = {}
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for module in imported(path):
            top = module.split(".")[0]
            if top in ours:
                place = SERVICES / Path(*module.split("."))
                waiting += [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.exists()]
            elif top not in sys.stdlib_module_names:
                found[top] = str(path.relative_to(ROOT))
    return found


def imported(path: Path) -> list[str]:
    modules: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return modules


@pytest.mark.parametrize("service", IMAGES)
def test_an_image_holds_what_its_service_imports(service: str) -> None:
    distributions, there = packages_distributions(), installed(service)
    missing = {
        name: where
        for name, where in third_party(service).items()
        if not there & {_canonical(each) for each in distributions.get(name, [name])}
    }
    assert missing == {}


def test_the_pool_s_image_holds_no_store_and_no_models() -> None:
    assert installed("llm-proxy").isdisjoint({"obstore", "procrastinate", "ctranslate2", "pypdfium2", "kubernetes"})


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
