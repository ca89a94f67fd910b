"""A trace as MLflow has it: its steps with their times, what was asked, found and said."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

ROOT = "answer"


class TraceError(ValueError):
    """A trace that cannot be replayed; the message says why."""


@dataclass(frozen=True)
class Document:
    """A retrieved passage. `key` is the same for the same text of the same file, also after it was indexed anew."""

    key: str
    name: str
    score: float


@dataclass(frozen=True)
class Step:
    """A span: milliseconds, attributes, and the passages that it gave, if it gave any."""

    name: str
    ms: float
    failed: bool
    attributes: Mapping[str, Any]
    documents: tuple[Document, ...]


@dataclass(frozen=True)
class StoredTrace:
    """An answer with its steps in the order of their begin; `answer` is empty where content was not captured."""

    trace_id: str
    request: Mapping[str, Any]
    answer: str
    root: Step
    steps: tuple[Step, ...]

    def step(self, name: str) -> Step | None:
        """The step of that name."""
        return next((step for step in self.steps if step.name == name), None)

    @property
    def documents(self) -> tuple[Document, ...]:
        """What came into the prompt: what the last step gave that gave passages."""
        return next((step.documents for step in reversed(self.steps) if step.documents), ())


def parsed(trace: Mapping[str, Any]) -> StoredTrace:
    """From the `trace` of MLflow's `traces/get`; raises TraceError."""
    spans = sorted(cast("list[dict[str, Any]]", trace.get("spans") or []), key=lambda s: int(s["start_time_unix_nano"]))
    steps = [_step(span) for span in spans]
    trace_id = str(trace.get("trace_info", {}).get("trace_id", ""))
    root = next((step for step in steps if step.name == ROOT), None)
    if root is None:
        raise TraceError(f"{trace_id} is no answer: only traces of answers can be asked again")
    asked = root.attributes.get("fairlead.request")
    if asked is None:
        raise TraceError(f"{trace_id} does not hold what was asked: content was not captured, or it is an older trace")
    request = cast("dict[str, Any]", _read(asked))
    if not isinstance(request, dict):
        raise TraceError(f"{trace_id}: its question was too long to be kept whole")
    return StoredTrace(trace_id, request, _answer(root), root, tuple(step for step in steps if step is not root))


def _step(span: Mapping[str, Any]) -> Step:
    attributes = {each["key"]: _plain(each["value"]) for each in span.get("attributes", [])}
    ms = (int(span["end_time_unix_nano"]) - int(span["start_time_unix_nano"])) / 1e6
    failed = "ERROR" in str(span.get("status", {}).get("code", ""))
    return Step(str(span["name"]), ms, failed, attributes, tuple(_documents(attributes)))


def _documents(attributes: Mapping[str, Any]) -> list[Document]:
    if "gen_ai.retrieval.documents" not in attributes:
        return []
    listed = _read(attributes.get("output.value"))
    found: list[Document] = []
    for each in cast("Sequence[dict[str, Any]]", listed if isinstance(listed, list) else []):
        about = each.get("metadata") or {}
        name = str(about.get("filename") or about.get("file_id") or each.get("id"))
        if about.get("page") is not None:
            name += f", p. {about['page']}"
        found.append(Document(f"{name}\0{each.get('page_content', '')[:200]}", name, float(about.get("score") or 0.0)))
    return found


def _answer(root: Step) -> str:
    try:
        return str(_read(root.attributes["output.value"])["choices"][0]["message"]["content"])
    except (KeyError, IndexError, TypeError):
        return ""


def _read(value: Any) -> Any:
    """What was written as JSON; MLflow gives some of it as text and some of it read already."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None


def _plain(value: Mapping[str, Any]) -> Any:
    """A value of OTLP's JSON form."""
    if "kvlist_value" in value:
        return {each["key"]: _plain(each.get("value", {})) for each in value["kvlist_value"].get("values", [])}
    if "array_value" in value:
        return [_plain(inner) for inner in value["array_value"].get("values", [])]
    if "int_value" in value:
        return int(value["int_value"])
    return next(iter(value.values()), None)
