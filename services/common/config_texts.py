"""What people write: one YAML text, or the keys of a ConfigMap, of which each is one tunable by its dotted path.

`config.yaml` is the base; `retrieval.top_k` with the text `8` changes one value of it. A tunable that is a text (a
prompt, a name) is taken as it stands; any other is read as YAML, lists and mappings of free names whole.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from common import yaml_text
from common.yaml_text import ConfigError

BASE = "config.yaml"
M = TypeVar("M", bound=BaseModel)
# How a text that may be nothing says so.
NOTHING = ("", "null")
# Enough alike to be a slip of the pen.
ALIKE = 0.6


@dataclass(frozen=True)
class ConfigTexts:
    """The texts of one configuration; equal ones say the same."""

    base: str | None = None
    flat: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, files: Mapping[str, str]) -> "ConfigTexts":
        """From the keys of a ConfigMap, or the files of a folder."""
        flat = {name: text for name, text in files.items() if name != BASE}
        return cls(files.get(BASE), dict(sorted(flat.items())))

    def content(self, model: type[BaseModel]) -> dict[str, Any]:
        """All of it as one mapping; raises ConfigError."""
        content = {} if self.base is None else yaml_text.parse(self.base)
        for name, text in self.flat.items():
            _put(content, name, _value(model, name, text))
        return content

    def load(self, model: type[M]) -> M:
        """All of it as a `model`; raises ConfigError with the key, the line in its own text, and the reason."""
        content = self.content(model)
        try:
            return yaml_text.validated(content, model, self.line_of)
        except ConfigError as error:
            name = self._key_of(error.place)
            if name is None or not self._ends_for_nothing(model, name):
                raise
            reason = f"{error.reason} (it ends with a line break, which counts)"
            raise ConfigError(reason, error.key, error.line, error.place) from None

    def line_of(self, place: Sequence[str | int]) -> int | None:
        """The line on which the value at `place` stands: of its own key's text where it has one, else of the base."""
        name = self._key_of(place)
        if name is None:
            return None if self.base is None else yaml_text.line_of(self.base, place)
        text = self.flat[name].rstrip()
        return yaml_text.line_of(text, place[name.count(".") + 1 :]) if "\n" in text else None

    def as_yaml(self, model: type[BaseModel]) -> str:
        """One text that says the same; raises ConfigError."""
        if self.base is not None and not self.flat:
            return self.base
        return yaml_text.dump(self.content(model))

    def _ends_for_nothing(self, model: type[BaseModel], name: str) -> bool:
        text = self.flat[name]
        return text.endswith("\n") and "\n" not in text[:-1] and is_text(dict(flat_keys(model))[name])

    def _key_of(self, place: Sequence[str | int]) -> str | None:
        for length in range(len(place), 0, -1):
            name = ".".join(str(part) for part in place[:length])
            if name in self.flat:
                return name
        return None


def flat_keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every tunable that can stand alone, by its dotted path."""
    for name, each in model.model_fields.items():
        nested = _nested(each)
        if nested is None:
            yield prefix + name, each
        else:
            yield from flat_keys(nested, f"{prefix}{name}.")


def is_text(tunable: FieldInfo) -> bool:
    """Whether a tunable is a text, which is then taken as it stands."""
    kinds = [kind for kind in _kinds(tunable.annotation) if kind is not type(None)]
    return bool(kinds) and all(kind in (str, Path) or isinstance(kind, str) for kind in kinds)


def is_optional(tunable: FieldInfo) -> bool:
    """Whether it may be nothing; an empty text, or `null`, then says so."""
    return type(None) in _kinds(tunable.annotation)


def _kinds(annotation: Any) -> list[Any]:
    """The types that the annotation allows; of a Literal its values."""
    origin = get_origin(annotation)
    if origin is Literal:
        return list(get_args(annotation))
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [kind for argument in get_args(annotation) for kind in _kinds(argument)]
    return [origin or annotation]


def _nested(tunable: FieldInfo) -> type[BaseModel] | None:
    kinds = _kinds(tunable.annotation)
    only = kinds[0] if len(kinds) == 1 else None
    return only if isinstance(only, type) and issubclass(only, BaseModel) else None


def _value(model: type[BaseModel], name: str, text: str) -> Any:
    keys = dict(flat_keys(model))
    if name not in keys:
        raise ConfigError(_unknown(name, keys), name, place=name.split("."))
    if len(text) > yaml_text.LARGEST_BYTES:
        raise ConfigError(f"the text is over {yaml_text.LARGEST_BYTES} bytes", name)
    if is_text(keys[name]):
        return None if text in NOTHING and is_optional(keys[name]) else text
    try:
        return yaml_text.value(text)
    except ConfigError as error:
        key = f"{name}.{error.key}" if error.key else name
        line = error.line if "\n" in text.rstrip() else None
        raise ConfigError(error.reason, key, line, name.split(".")) from None


def _unknown(name: str, keys: Mapping[str, FieldInfo]) -> str:
    whole = next((key for key in keys if name.startswith(f"{key}.")), None)
    if whole is not None:
        return f"unknown key: {whole} is one key, to be given whole, as JSON or YAML"
    inside = [key for key in keys if key.startswith(f"{name}.")]
    if inside:
        return f"unknown key: its parts are keys of their own, such as {inside[0]}"
    near = difflib.get_close_matches(name, keys, 1, ALIKE)
    return f"unknown key; the nearest is {near[0]}" if near else "unknown key"


def _put(content: dict[str, Any], name: str, value: Any) -> None:
    *parents, last = name.split(".")
    inside = content
    for depth, part in enumerate(parents, 1):
        inner: Any = inside.get(part)
        if inner is not None and not isinstance(inner, dict):
            raise ConfigError(f"{BASE} must have a mapping here, as there is the key {name}", place=parents[:depth])
        # A copy: by an anchor of YAML it may stand in another place as well.
        copy = dict(cast(dict[str, Any], inner or {}))
        inside[part] = copy
        inside = copy
    inside[last] = value
