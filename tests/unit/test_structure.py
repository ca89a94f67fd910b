"""The walls between the services, and the size of files: what keeps the repository readable."""

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ROOT / "services"
PACKAGES = sorted(path.name for path in SERVICES.iterdir() if (path / "__init__.py").exists())
# Who may import whom. `standalone` starts the others as processes; the evaluation has a temporary database of its own.
IMPORTS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["fairlead"]["imports"]
LONGEST_FILE = 400
LONGEST_MAIN = 40
HAND_WRITTEN = {".py", ".js", ".css", ".html", ".sql", ".sh", ".tf", ".tpl"}


def tracked_files() -> list[Path]:
    """Files of the repository, those not yet added included, those ignored not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def imported_packages(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]


def allowed(package: str) -> set[str]:
    return {package, "common", *IMPORTS.get(package, [])}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_service_imports_no_other_service(package: str) -> None:
    crossings = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in (SERVICES / package).rglob("*.py")
        for line, name in imported_packages(path)
        if name in PACKAGES and name not in allowed(package)
    ]
    assert crossings == []


def test_the_walls_would_be_seen(tmp_path: Path) -> None:
    crossing = tmp_path / "module.py"
    crossing.write_text("def late():\n    from llm_proxy.router import Router\n    import orchestrator.main\n")
    assert list(imported_packages(crossing)) == [(2, "llm_proxy"), (3, "orchestrator")]


def test_no_file_is_over_400_lines() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked_files()
        if path.suffix in HAND_WRITTEN or path.name in ("Makefile", "Dockerfile")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert long == {}


def test_main_files_are_thin() -> None:
    thick = {
        str(path.relative_to(ROOT)): lines
        for path in SERVICES.glob("*/main.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) >= LONGEST_MAIN
    }
    assert thick == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if path.suffix == ".py" and path.is_relative_to(SERVICES)
        if ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
    ]
    assert silent == []
