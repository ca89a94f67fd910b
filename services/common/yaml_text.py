"""YAML (and so JSON) as people write it: parsed strictly, and every complaint names the key and the line."""

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from common.errors import field_path

M = TypeVar("M", bound=BaseModel)
Line = Callable[[Sequence[str | int]], int | None]
# A ConfigMap holds 1 MiB; nothing that people edit is larger.
LARGEST_BYTES = 1024 * 1024


class ConfigError(ValueError):
    """A configuration text that is refused: where (`key`, `line`; None when it is the whole text) and why."""

    def __init__(
        self, reason: str, key: str | None = None, line: int | None = None, place: Sequence[str | int] = ()
    ) -> None:
        key = key or field_path(place) or None
        words = ", ".join(part for part in (f"line {line}" if line else "", key or "") if part)
        super().__init__(f"{words}: {reason}" if words else reason)
        self.reason = reason
        self.key = key
        self.line = line
        self.place = tuple(place)


class _Strict(yaml.constructor.SafeConstructor):
    """Refuses a key given twice: YAML itself would quietly keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)  # pyright: ignore[reportUnknownMemberType]
            if not isinstance(key, Hashable):
                raise ConfigError("a key must be plain text", line=key_node.start_mark.line + 1)
            if key in seen:
                raise ConfigError("the key is given twice", str(key), key_node.start_mark.line + 1)
            seen.add(key)
        return super().construct_mapping(node, deep)


class _StrictLoader(_Strict, yaml.SafeLoader):
    """Says best where a text is wrong."""


# libyaml reads ten times as fast; the wheels of PyYAML have it.
_Quick: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_QuickDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _QuickLoader(_Strict, _Quick):
    """For texts that are right."""


def parse(text: str) -> dict[str, Any]:
    """The mapping that the text holds; raises ConfigError."""
    if not text.strip():
        raise ConfigError("the file is empty; write {} to take every default")
    content = value(text)
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise ConfigError("the text must be a mapping of keys to values")
    return {str(key): value for key, value in cast(Mapping[Any, Any], content).items()}


def value(text: str) -> Any:
    """Whatever the text says, None when it says nothing; raises ConfigError."""
    if len(text) > LARGEST_BYTES:
        raise ConfigError(f"the text is over {LARGEST_BYTES} bytes")
    if text.lstrip().startswith(("{", "[")):
        try:
            return json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            pass  # Then it is YAML, or wrong: YAML knows the line.
    try:
        try:
            return yaml.load(text, Loader=_QuickLoader)  # noqa: S506 - a SafeLoader
        except yaml.YAMLError:
            return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"not valid YAML: {problem}", line=mark.line + 1 if mark else None) from None
    except RecursionError:
        raise ConfigError("not valid YAML: nested too deeply") from None


def dump(content: Mapping[str, Any]) -> str:
    """The content as YAML that `parse` reads."""
    return yaml.dump(
        dict(content), Dumper=_QuickDumper, sort_keys=False, default_flow_style=False, allow_unicode=True, width=120
    )


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def load(text: str, model: type[M]) -> M:
    """The text as a `model`; raises ConfigError with the exact key, its line and the reason."""
    return validated(parse(text), model, lambda place: line_of(text, place))


def validated(content: Mapping[str, Any], model: type[M], line: Line) -> M:
    """The content as a `model`; `line` tells where a place stands in what people wrote. Raises ConfigError."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first, *more = _problems(error, line)
        reason = first.reason + (f" (and {len(more)} more)" if more else "")
        raise ConfigError(reason, line=first.line, place=first.place) from None
    except RecursionError:
        raise ConfigError("nested too deeply") from None


def problems(text: str, model: type[BaseModel]) -> list[ConfigError]:
    """Everything for which the text is not a `model`, each with the exact key, its line and the reason."""
    try:
        model.model_validate(parse(text))
    except ValidationError as error:
        return _problems(error, lambda place: line_of(text, place))
    except ConfigError as error:
        return [error]
    except RecursionError:
        return [ConfigError("nested too deeply")]
    return []


def _problems(error: ValidationError, line: Line) -> list[ConfigError]:
    found: list[ConfigError] = []
    problems = error.errors()
    for problem in problems:
        # Of a list whose items are refused Pydantic says too that it is empty.
        loc = problem["loc"]
        if problem["type"] == "too_short" and any(p["loc"][: len(loc)] == loc != p["loc"] for p in problems):
            continue
        place = [part for part in problem["loc"] if not _is_type_tag(part)]
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            reason = "unknown key"
        found.append(ConfigError(reason, line=line(place), place=place))
    return found


def _is_type_tag(part: str | int) -> bool:
    """Pydantic puts the tried type of a union into the place; a reader of the file knows nothing of it."""
    return isinstance(part, str) and ("[" in part or part.startswith("function-"))


def line_of(text: str, place: Sequence[str | int]) -> int | None:
    """The 1-based line on which the value at `place` (or the nearest parent that exists) stands."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    line: int | None = None
    for part in place:
        found = _child(node, part)
        if found is None:
            break
        line, node = found
    return line


def _child(node: Any, part: str | int) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item = node.value[part]
        return item.start_mark.line + 1, item
    return None
