"""charts/*/tunables/admission.yaml: rules in CEL by which the cluster refuses a bad tunable before it is stored.

One rule for each flat key, from the service's own model, and one against keys that it does not know. They say no more
than the model: what takes several keys together, or a look into a list, the service itself refuses a moment later.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import yaml
from pydantic import create_model
from pydantic.fields import FieldInfo

from common.config_texts import flat_keys, is_text
from generators import charts
from generators.chart_schemas import FLAT

# Digits that neither int() nor double() of CEL can fail on.
WHOLE = "^-?[0-9]{1,18}$"
NUMBER = "^-?[0-9]{1,18}([.][0-9]{1,18})?([eE][-+]?[0-9]{1,2})?$"
BOUNDS = {
    "minimum": (">=", "at least"),
    "exclusiveMinimum": (">", "more than"),
    "maximum": ("<=", "at most"),
    "exclusiveMaximum": ("<", "less than"),
}


def files() -> dict[str, Callable[[], str]]:
    """Every file, with what writes it."""
    return {f"charts/{chart}/tunables/admission.yaml": lambda chart=chart: text(chart) for chart in FLAT}


def text(chart: str) -> str:
    """The rules of one chart, as `validations` of a ValidatingAdmissionPolicy."""
    head = "# Made by `make generate` from the service's tunables; `variables.data` are the keys of the ConfigMap.\n"
    return head + yaml.safe_dump(list(rules(chart)), sort_keys=False, allow_unicode=True, width=1000)


def rules(chart: str) -> Iterator[dict[str, str]]:
    """Each with its expression, which must be true, and what to say when it is not."""
    model = charts.tunables(chart)
    if model is None:
        raise ValueError(f"the chart {chart} has no tunables")
    keys = dict(flat_keys(model))
    known = f"key in {_listed(keys)}"
    yield {
        "expression": f"variables.data.all(key, {known})",
        "message": "there is a key that is no tunable; docs/configuration.md lists them",
        "messageExpression": f"'not a tunable: ' + variables.data.filter(key, !({known})).join(', ')",
    }
    yield {
        "expression": "!has(object.binaryData) || size(object.binaryData) == 0",
        "message": "tunables are text: put them under data, not binaryData",
    }
    for name, tunable in keys.items():
        condition, words = _rule(f"variables.data['{name}']", tunable)
        if condition:
            yield {"expression": f"!('{name}' in variables.data) || ({condition})", "message": f"{name}: {words}"}


def _rule(value: str, tunable: FieldInfo) -> tuple[str, str]:
    """The condition on the text, and the same in words; empty where every text will do."""
    schema = _schema(tunable)
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    optional = len(options) < len(schema.get("anyOf", ()))
    condition, words = _required(value, options[0] if options else schema, tunable)
    if optional and condition:
        return f"{value} in ['', 'null'] || ({condition})", f"{words}, or empty"
    return condition, words


def _required(value: str, schema: dict[str, Any], tunable: FieldInfo) -> tuple[str, str]:
    if "enum" in schema and is_text(tunable):
        return f"{value} in {_listed(schema['enum'])}", "one of " + ", ".join(schema["enum"])
    if is_text(tunable):
        return _texts(value, schema)
    match schema.get("type"):
        case "boolean":
            return f"{value} in ['true', 'false']", "true or false"
        case "integer":
            bounds = _bounds(f"int({value})", schema, lambda bound: str(int(bound)))
            return f"{value}.matches('{WHOLE}'){bounds}", f"a whole number{_limits(schema)}"
        case "number":
            bounds = _bounds(f"double({value})", schema, lambda bound: repr(float(bound)))
            return f"{value}.matches('{NUMBER}'){bounds}", f"a number{_limits(schema)}"
        case _:
            return f"size({value}) > 0", "a list or mapping, as JSON or YAML"


def _texts(value: str, schema: dict[str, Any]) -> tuple[str, str]:
    conditions: list[str] = []
    words = "a text"
    if "minLength" in schema:
        conditions.append(f"size({value}) >= {schema['minLength']}")
        words += f" of at least {schema['minLength']}"
    if "maxLength" in schema:
        conditions.append(f"size({value}) <= {schema['maxLength']}")
        words += f"{' and' if 'minLength' in schema else ' of'} at most {schema['maxLength']}"
    if conditions:
        words += " characters"
    if "pattern" in schema:
        # Raw, so that the expression stands there as the model has it.
        if "'" in schema["pattern"]:
            raise ValueError(f"a pattern with a quote needs escaping in CEL: {schema['pattern']}")
        conditions.append(f"{value}.matches(r'{schema['pattern']}')")
        words += f" that matches {schema['pattern']}"
    return " && ".join(conditions), words


def _bounds(number: str, schema: dict[str, Any], literal: Callable[[Any], str]) -> str:
    found = (f" && {number} {sign} {literal(schema[key])}" for key, (sign, _) in BOUNDS.items() if key in schema)
    return "".join(found)


def _limits(schema: dict[str, Any]) -> str:
    return ",".join(f" {words} {schema[key]:.15g}" for key, (_, words) in BOUNDS.items() if key in schema)


def _listed(names: Any) -> str:
    return "[" + ", ".join("'" + json.dumps(name)[1:-1] + "'" for name in names) + "]"


def _schema(tunable: FieldInfo) -> dict[str, Any]:
    fields: Any = {"value": (tunable.annotation, tunable)}
    return create_model("One", **fields).model_json_schema()["properties"]["value"]
