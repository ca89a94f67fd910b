"""What is read of a chart: its defaults with those of the library, their comments, and the model of its tunables."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from generators.configuration import SERVICES, named

CHARTS = Path(__file__).parents[2] / "charts"
LIBRARY = CHARTS / "common"


@dataclass(frozen=True)
class Values:
    """Defaults, and what the comments `# -- …` above a key say of it, by its dotted path."""

    defaults: dict[str, Any] = field(default_factory=dict[str, Any])
    words: dict[str, str] = field(default_factory=dict[str, str])

    def over(self, below: "Values") -> "Values":
        """These values laid over `below`, as Helm does: maps are merged."""
        return Values(_merged(below.defaults, self.defaults), below.words | self.words)


def applications() -> list[str]:
    """Every chart that is installed, by name."""
    return sorted(path.parent.name for path in CHARTS.glob("*/Chart.yaml") if path.parent != LIBRARY)


def own(chart: str) -> Values:
    """What the chart's own file says."""
    return _read(CHARTS / chart / "values.yaml", ())


def imported(chart: str) -> Values:
    """What it takes from the library."""
    found = Values()
    for dependency in _yaml(CHARTS / chart / "Chart.yaml").get("dependencies", []):
        if dependency["name"] != LIBRARY.name:
            continue
        for part in dependency.get("import-values", []):
            found = _read(LIBRARY / "values.yaml", ("exports", part)).over(found)
    return found


def constraints(chart: str) -> dict[str, dict[str, Any]]:
    """JSON schema keywords by dotted path: what default values cannot say. The chart's own go before the library's."""
    files = (LIBRARY / "schema.yaml", CHARTS / chart / "schema.yaml")
    return {path: words for file in files if file.exists() for path, words in (_yaml(file) or {}).items()}


def tunables(chart: str) -> type[BaseModel] | None:
    """The model that validates the chart's `tunables`, if its service has one."""
    place = SERVICES.get(chart, (None, None))[1]
    return named(place) if place and (CHARTS / chart / "Chart.yaml").exists() else None


def _merged(below: Any, above: Any) -> Any:
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return below | {key: _merged(below[key], value) if key in below else value for key, value in above.items()}


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _read(path: Path, below: tuple[str, ...]) -> Values:
    text = path.read_text(encoding="utf-8")
    node, defaults = yaml.compose(text), yaml.safe_load(text) or {}
    for name in below:
        node = next(value for key, value in node.value if key.value == name)  # pyright: ignore
        defaults = defaults[name]
    words: dict[str, str] = {}
    _comments(node, text.splitlines(), "", words)
    return Values(defaults, words)


def _comments(node: Any, lines: list[str], path: str, words: dict[str, str]) -> None:
    """Add the comment that stands directly above each key."""
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        own_path = f"{path}.{key.value}" if path else key.value
        above = key.start_mark.line
        if lines[above][: key.start_mark.column].strip():
            above = 0  # Within braces: the comment above is that of the whole.
        comment: list[str] = []
        while above and lines[above - 1].lstrip().startswith("#"):
            above -= 1
            comment.insert(0, lines[above].strip().lstrip("#").strip())
        if any(line.startswith("-- ") for line in comment):
            first = next(index for index, line in enumerate(comment) if line.startswith("-- "))
            words[own_path] = " ".join(comment[first:]).removeprefix("-- ")
        _comments(value, lines, own_path, words)
