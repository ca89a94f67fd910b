"""charts/*/values.schema.json and tunables/open.yaml: Helm refuses what a chart, or its service, does not know.

The shape is that of the default values, closed against keys that are not among them; `schema.yaml` beside them says
what they cannot: the values to choose from, patterns, and maps whose keys are the user's. `tunables` is the service's
own model.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from generators import charts

TYPES = {bool: "boolean", str: "string", int: "number", float: "number", list: "array", dict: "object"}
# Charts whose tunables are one key each in the ConfigMap; the pool's are a file.
FLAT = ("orchestrator", "ingestion")
# Texts that a schema repeats at each nested model, and that validation does not read.
UNREAD = ("title", "default", "examples", "change", "unit", "format")


def files() -> dict[str, Callable[[], str]]:
    """Every file, with what writes it."""
    found: dict[str, Callable[[], str]] = {}
    for chart in charts.applications():
        found[f"charts/{chart}/values.schema.json"] = lambda chart=chart: schema_text(chart)
        if chart in FLAT:
            found[f"charts/{chart}/tunables/open.yaml"] = lambda chart=chart: open_text(chart)
    return found


def schema_text(chart: str) -> str:
    """The chart's schema."""
    values = charts.own(chart).over(charts.imported(chart))
    limits = charts.constraints(chart)
    schema = _shape(values.defaults, values.words, limits, "")
    # Helm itself adds `global`, and a dependency's own values under its name.
    schema["properties"] |= {"global": _global(limits), charts.LIBRARY.name: {"type": "object"}}
    definitions: dict[str, Any] = {}
    model = charts.tunables(chart)
    if model is not None and "tunables" in schema["properties"]:
        tunables = _read(model.model_json_schema())
        definitions = tunables.pop("$defs", {})
        for path in open_maps(chart) if chart in FLAT else []:
            _allow_text(tunables, definitions, path.split("."))
        schema["properties"]["tunables"] = tunables
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"Values of the chart {chart}"}
    return (
        json.dumps(head | schema | ({"$defs": definitions} if definitions else {}), indent=1, ensure_ascii=False) + "\n"
    )


def open_text(chart: str) -> str:
    """The paths of open maps, for the template that writes tunables as flat keys."""
    lines = [f"- {path}" for path in open_maps(chart)]
    return (
        "\n".join(
            ["# Made by `make generate` from the service's tunables: maps whose keys are the user's own.", *lines]
        )
        + "\n"
    )


def open_maps(chart: str) -> list[str]:
    """Dotted paths of the tunables that are maps with keys of the user's own."""
    model = charts.tunables(chart)
    if model is None:
        return []
    schema = model.model_json_schema()
    return sorted(_open(schema, schema.get("$defs", {}), ""))


def _open(schema: dict[str, Any], definitions: dict[str, Any], path: str) -> Iterator[str]:
    for name, part in schema.get("properties", {}).items():
        own, whole = f"{path}{name}", _resolved(part, definitions)
        # Maps whose keys must look a certain way have patternProperties instead.
        if isinstance(whole.get("additionalProperties"), dict) or "patternProperties" in whole:
            yield own
        else:
            yield from _open(whole, definitions, f"{own}.")


def _resolved(part: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref") or next((each["$ref"] for each in part.get("allOf", []) if "$ref" in each), None)
    return definitions[reference.rpartition("/")[2]] if reference else part


def _allow_text(schema: dict[str, Any], definitions: dict[str, Any], path: list[str]) -> None:
    """An open map may also be given as text, which keeps its order."""
    name, *rest = path
    part = schema["properties"][name]
    if rest:
        _allow_text(_resolved(part, definitions), definitions, rest)
    elif "anyOf" not in part:
        words = {key: part.pop(key) for key in ("description",) if key in part}
        schema["properties"][name] = words | {"anyOf": [part, {"type": "string"}]}


def _read(schema: Any) -> Any:
    """Without what validation does not read; properties that are called like such a keyword stay."""
    if isinstance(schema, list):
        return [_read(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in UNREAD}
    return {
        key: {name: _read(each) for name, each in value.items()} if key in ("properties", "$defs") else _read(value)
        for key, value in kept.items()
    }


def _shape(value: Any, words: dict[str, str], limits: dict[str, dict[str, Any]], path: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": words[path]} if path in words else {}
    if value is not None:
        schema["type"] = next(name for kind, name in TYPES.items() if isinstance(value, kind))
    own = limits.get(path, {})
    if isinstance(value, dict) and value and "additionalProperties" not in own:
        below = {key: _shape(each, words, limits, f"{path}.{key}" if path else key) for key, each in value.items()}
        schema |= {"properties": below, "additionalProperties": False}
    return schema | own


def _global(limits: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """`global` is shared by every chart of a release; keys of other people's charts may stand beside ours."""
    ours = {path.removeprefix("global."): words for path, words in limits.items() if path.startswith("global.")}
    return {"type": "object", "properties": ours}
