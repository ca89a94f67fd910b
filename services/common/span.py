"""One span while it is written: the names that its attributes have, and what of content gets into them."""

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgspec
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Status, StatusCode
from opentelemetry.util.types import AttributeValue

from common.observing import Capture

# Longer content is cut and marked: a 10 MB prompt must not become a 10 MB span.
LONGEST_CONTENT = 256 * 1024
LONGEST_REASON = 500
DOCUMENTS = "gen_ai.retrieval.documents"
REQUEST = "fairlead.request"


@dataclass
class Captured:
    """How much of a request's content goes into its spans; it may be known only once the caller is."""

    mode: Capture = "off"


@dataclass(frozen=True)
class Document:
    """A retrieved document or a part of one. `metadata` is content, such as a title, and kept only where that is."""

    id: str
    content: str
    score: float
    file_id: str | None = None
    page: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def place(self, rank: int) -> dict[str, Any]:
        """Where it stands: among the others from 1 on, and in which file and page."""
        return {"rank": rank, "file_id": self.file_id, "page": self.page}


class Span:
    """A step being written: `with` runs it, an exception that leaves marks it as failed. Without `with`, `end` it.

    Content enters by `input`, `output` and `documents` alone, which capture switches off.
    """

    __slots__ = ("_captured", "_ends", "_otel", "_token")

    def __init__(self, otel: trace.Span, captured: Captured, *, ends: bool = True) -> None:
        """`ends`: whether the span ends with its `with` block."""
        self._otel = otel
        self._captured = captured
        self._ends = ends
        self._token: Token[Context] | None = None

    def __enter__(self) -> Self:
        """What is begun from here on is below this step."""
        self._token = self._attached()
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        """The step has ended."""
        # Who cancels a step does not call it failed.
        if isinstance(error, Exception):
            self.fail(error)
        if self._token is not None:
            context.detach(self._token)
            self._token = None
        if self._ends:
            self._otel.end()

    @contextmanager
    def running(self) -> Generator[None]:
        """For a part of the step's time: what is begun in the block is below it. The step goes on."""
        token = self._attached()
        try:
            yield
        finally:
            if token is not None:
                context.detach(token)

    def end(self) -> None:
        """The step has ended; only for one that no `with` runs."""
        self._otel.end()

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""
        return f"{self._otel.get_span_context().trace_id:032x}"

    @property
    def captured(self) -> Capture:
        """How much content it keeps."""
        return self._captured.mode if self._otel.is_recording() else "off"

    @property
    def captures(self) -> bool:
        """Whether it keeps any: what is costly to write down can be left out."""
        return self.captured != "off"

    def set(self, key: str, value: AttributeValue | None) -> None:
        """Set one attribute; None sets nothing."""
        if value is not None:
            self._otel.set_attribute(key, value)

    def tag(self, key: str, value: str | None) -> None:
        """Set an attribute of the root span that people filter traces by; MLflow makes it a tag of the trace."""
        self.set(key, value)
        self.set(f"mlflow.traceTag.{key}", value)

    def event(self, name: str, **attributes: AttributeValue) -> None:
        """Note something that happened at this moment."""
        self._otel.add_event(name, attributes)

    def judged(self, name: str, score: float, label: str | None = None) -> None:
        """Note what a judge, a person or a measure thinks of what the trace is about (GenAI evaluation result)."""
        said: dict[str, AttributeValue] = {"gen_ai.evaluation.name": name, "gen_ai.evaluation.score.value": score}
        if label is not None:
            said["gen_ai.evaluation.score.label"] = label
        self._otel.add_event("gen_ai.evaluation.result", said)

    def input(self, value: Any) -> None:
        """What went into the step."""
        self._content("input", value)

    def output(self, value: Any) -> None:
        """What came out of the step."""
        self._content("output", value)

    def request(self, body: Mapping[str, Any]) -> None:
        """What asks the same again, for a replay; one that was cut is none."""
        if self.captures:
            self._otel.set_attribute(REQUEST, _json(body)[: LONGEST_CONTENT + 1])

    def documents(self, documents: Sequence[Document]) -> None:
        """What was retrieved, best first.

        Written twice: as GenAI's list of documents, which says of each where it stands and never what it says, and,
        where content is captured, as the JSON list of `{page_content, metadata}` that trace stores show.
        """
        places = [
            {"id": document.id, "score": document.score, **document.place(rank)}
            for rank, document in enumerate(documents, 1)
        ]
        # One attribute: OpenInference's several for each document were most of what a traced request cost.
        self._otel.set_attribute(DOCUMENTS, _json(places))
        if not self.captures:
            return
        # Cut one by one, so that the list stays one that can be read; writing all of it first would cost most.
        length = sum(len(document.content) for document in documents)
        longest = LONGEST_CONTENT // max(1, len(documents)) if length > LONGEST_CONTENT else LONGEST_CONTENT
        if length > LONGEST_CONTENT:
            self._otel.set_attribute("fairlead.output.cut_from_chars", length)
        self.output(
            [
                {
                    "page_content": document.content[:longest],
                    "metadata": {"score": document.score, **document.place(rank), **document.metadata},
                    "id": document.id,
                }
                for rank, document in enumerate(documents, 1)
            ]
        )

    def fail(self, reason: BaseException | str) -> None:
        """Mark the step as failed; an exception is recorded with its type and message."""
        if isinstance(reason, BaseException):
            self._otel.record_exception(reason)
        self._otel.set_status(Status(StatusCode.ERROR, str(reason)[:LONGEST_REASON]))

    def ok(self) -> None:
        """Mark the step as done without failure, beyond doubt."""
        self._otel.set_status(Status(StatusCode.OK))

    def _attached(self) -> Token[Context] | None:
        """None where there is no span to be below: what is current then stays so."""
        if not self._otel.get_span_context().is_valid:
            return None
        return context.attach(trace.set_span_in_context(self._otel))

    def _content(self, key: str, value: Any) -> None:
        if not self.captures:
            return
        is_text = isinstance(value, str)
        text = value if is_text else _json(value)
        written: dict[str, AttributeValue] = {f"{key}.mime_type": "text/plain" if is_text else "application/json"}
        if len(text) > LONGEST_CONTENT:
            written[f"fairlead.{key}.cut_from_chars"] = len(text)
            text = text[:LONGEST_CONTENT]
        written[f"{key}.value"] = text
        self._otel.set_attributes(written)


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value, enc_hook=str).decode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return json.dumps(value, default=str)
