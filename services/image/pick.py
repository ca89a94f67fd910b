"""Copies what one service's image holds: its own package, `common`, and what pyproject.toml lets it import.

`python pick.py SERVICE FROM TO`; run while an image is built, with the standard library alone.
"""

import ast
import shutil
import sys
import tomllib
from pathlib import Path


def main(service: str, source: Path, target: Path) -> None:
    """Copy the packages of `service` (such as `llm-proxy`) from `source` to `target`."""
    imports: dict[str, list[str]] = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["fairlead"]["imports"]
    package = service.replace("-", "_")
    if not (source / package / "__main__.py").is_file():
        sys.exit(f"there is no service {service}: {source / package} has no __main__.py")
    for name in ("common", package, *imports.get(package, []), "image"):
        shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "dashboards"))
    (target / "image" / "package").write_text(package)
    (target / "image" / "port").write_text(str(default_port(source / package / "settings.py")))


def default_port(settings: Path) -> int:
    """The default of the field `port` in a service's settings, read without importing what is not installed here."""
    for node in ast.walk(ast.parse(settings.read_text())):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "port":
            numbers = [part.value for part in ast.walk(node) if isinstance(part, ast.Constant)]
            return next(number for number in numbers if isinstance(number, int) and number)
    sys.exit(f"{settings} has no field `port`")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
