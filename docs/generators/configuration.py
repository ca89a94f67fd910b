"""docs/configuration.md, from the models that validate the configuration."""

import importlib
from collections.abc import Iterator
from typing import Any, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from common.settings import ServiceSettings

# Service → (its settings, its tunables): what is fixed at start, what may change while it runs.
SERVICES = {
    "orchestrator": ("orchestrator.settings:OrchestratorSettings", "orchestrator.tunables:OrchestratorTunables"),
    "llm-proxy": ("llm_proxy.settings:PoolSettings", "llm_proxy.config:PoolConfig"),
    "ingestion": ("ingestion.settings:IngestionSettings", "ingestion.tunables:IngestionTunables"),
    "local-models": ("local_models.settings:LocalModelsSettings", None),
    "trace-buffer": ("observability.settings:BufferSettings", None),
}


def text() -> str:
    """The whole document."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Configuration"
    yield ""
    yield "<!-- Made by `make generate` from the models that validate it. Edit those. -->"
    yield ""
    yield "**Settings** are environment variables, read once at start. **Tunables** are keys of a YAML file and"
    yield "take effect while it runs; `change` says what else an edit asks for: `live` nothing, `reevaluate` a"
    yield "look at the evaluation, `reembed` a new index."
    yield ""
    yield "## Settings of every service"
    yield ""
    yield from settings_table(ServiceSettings, ServiceSettings.model_fields)
    for service, (settings, tunables) in SERVICES.items():
        own: type[ServiceSettings] = named(settings)
        inherited = ServiceSettings.model_fields
        fields = {
            name: field
            for name, field in own.model_fields.items()
            if name not in inherited or (field.default != inherited[name].default and name != "service")
        }
        yield ""
        yield f"## {service}"
        if fields:
            yield ""
            yield from settings_table(own, fields)
        if tunables:
            yield ""
            yield from tunables_table(named(tunables))


def named(place: str) -> Any:
    """The class at `module:Name`."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def settings_table(model: type[ServiceSettings], fields: dict[str, FieldInfo]) -> Iterator[str]:
    schema = model.model_json_schema()
    yield "| variable | default | meaning |"
    yield "|---|---|---|"
    for name, field in fields.items():
        yield row(f"`FAIRLEAD_{name.upper()}`", default(field), meaning(schema["properties"].get(name, {}), field))


def tunables_table(model: type[BaseModel]) -> Iterator[str]:
    yield "| key | default | change | meaning |"
    yield "|---|---|---|---|"
    yield from tunables_rows(model, "")


def tunables_rows(model: type[BaseModel], prefix: str, leave_out: frozenset[str] = frozenset()) -> Iterator[str]:
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        if name in leave_out:
            continue
        nested, path = nested_models(field), f"{prefix}{name}"
        extra: Any = field.json_schema_extra or {}
        if nested is not None:
            models, suffix = nested
            if field.description:
                yield row(f"`{path}`", "", extra.get("change", "live"), field.description)
            if len(models) == 1:
                yield from tunables_rows(models[0], f"{path}{suffix}.")
            else:
                yield from kinds_rows(models, f"{path}{suffix}")
        else:
            words = meaning(schema["properties"][name], field)
            yield row(f"`{path}`", default(field), extra.get("change", "live"), words)


def kinds_rows(models: list[type[BaseModel]], path: str) -> Iterator[str]:
    """One of several kinds, told apart by `kind`: what all have, then what each adds."""
    base = models[0].__mro__[1]
    kinds = ", ".join(f"`{model.model_fields['kind'].default}`" for model in models)
    yield row(f"`{path}.kind`", "`folder`", "live", f"One of {kinds}; each adds keys of its own, listed below.")
    yield from tunables_rows(base, f"{path}.")
    for model in models:
        kind = model.model_fields["kind"].default
        yield from tunables_rows(model, f"{path}({kind}).", frozenset({"kind", *base.model_fields}))


def nested_models(field: FieldInfo) -> tuple[list[type[BaseModel]], str] | None:
    """The models inside the field and how their key is written: a plain one's, a list's or a mapping's."""
    found = models_in(field.annotation)
    if not found:
        return None
    origin = get_origin(field.annotation)
    return found, {dict: ".*", list: "[]", tuple: "[]"}.get(origin, "")  # pyright: ignore


def models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in models_in(argument)]


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True) if not field.default_factory else field.default_factory()  # pyright: ignore
    text = "" if value is None else str(value)
    if "\n" in text or len(text) > 60:
        return "(see the source)"
    return f"`{text}`" if text else ""


def meaning(schema: dict[str, Any], field: FieldInfo) -> str:
    limits = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {schema[key]:.15g}" for key, sign in limits.items() if key in schema]
    if "enum" in schema:
        bounds.append("one of " + ", ".join(f"`{value}`" for value in schema["enum"]))
    words = (field.description or "").strip()
    return f"{words} ({', '.join(bounds)})" if bounds else words


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
