"""What differs between a stored answer and the same question asked again, step by step."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.markup import escape
from rich.table import Table

from evaluation.stored_trace import Document, Step, StoredTrace

Verdict = Literal["same", "changed", "better", "worse"]
# From the worst.
OUTCOMES = ("failed", "rejected", "cancelled", "degraded", "not_answered", "answered")
# Less is noise of the model's wording.
GROUNDING_STEP = 0.1
# Attributes whose change explains another answer, by the step that has them.
TOLD = (
    "fairlead.outcome",
    "fairlead.config_hash",
    "fairlead.prompt.version",
    "fairlead.prompt.hash",
    "fairlead.index_snapshot",
    "service.version",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.request.temperature",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "fairlead.cost",
    "fairlead.citations",
    "fairlead.grounding",
    "fairlead.degraded",
    "fairlead.retrieval.legs",
)


@dataclass(frozen=True)
class Difference:
    """The same question then and now."""

    then: StoredTrace
    now: StoredTrace

    @property
    def verdict(self) -> Verdict:
        """By outcome, then by how well the answer is grounded; another text alone is neither better nor worse."""
        before, after = _rank(self.then), _rank(self.now)
        if before != after:
            return "better" if after > before else "worse"
        grounded = [trace.root.attributes.get("fairlead.grounding") for trace in (self.then, self.now)]
        if isinstance(grounded[0], float | int) and isinstance(grounded[1], float | int):
            gain = grounded[1] - grounded[0]
            if abs(gain) >= GROUNDING_STEP:
                return "better" if gain > 0 else "worse"
        same = self.then.answer == self.now.answer and not any(documents(self.then.documents, self.now.documents))
        return "same" if same else "changed"

    def table(self) -> Table:
        """One row for each step: its time, and what is different in it."""
        table = Table("step", "then (ms)", "now (ms)", "what differs")
        table.columns[1].justify = table.columns[2].justify = "right"
        for name in dict.fromkeys(step.name for trace in (self.then, self.now) for step in (trace.root, *trace.steps)):
            then, now = _named(self.then, name), _named(self.now, name)
            table.add_row(escape(name), _ms(then), _ms(now), escape("\n".join(differences(then, now))))
        return table

    def answer_lines(self) -> list[str]:
        """The answer then and now, sentence by sentence, where they differ."""
        if self.then.answer == self.now.answer:
            return []
        then, now = (text.replace(". ", ".\n").splitlines() for text in (self.then.answer, self.now.answer))
        return [line for line in difflib.ndiff(then, now) if not line.startswith("?")]


def differences(then: Step | None, now: Step | None) -> list[str]:
    """In words, one line each."""
    if then is None or now is None:
        return ["only now" if then is None else "only then"]
    values = [(name, then.attributes.get(name), now.attributes.get(name)) for name in TOLD]
    lines = [f"{name}: {before} → {after}" for name, before, after in values if before != after]
    if then.failed != now.failed:
        lines.append("failed then, works now" if then.failed else "fails now")
    lost, gained, moved = documents(then.documents, now.documents)
    lines += [f"- {document.name} ({document.score:.2f})" for document in lost]
    lines += [f"+ {document.name} ({document.score:.2f})" for document in gained]
    lines += [f"~ {name}: place {before} → {after}" for name, before, after in moved]
    return lines


def documents(
    then: Sequence[Document], now: Sequence[Document]
) -> tuple[list[Document], list[Document], list[tuple[str, int, int]]]:
    """Passages lost, gained, and moved (name, place then, place now)."""
    places = [{document.key: place for place, document in enumerate(listed, 1)} for listed in (then, now)]
    lost = [document for document in then if document.key not in places[1]]
    gained = [document for document in now if document.key not in places[0]]
    moved = [
        (document.name, places[0][document.key], places[1][document.key])
        for document in then
        if document.key in places[1] and places[0][document.key] != places[1][document.key]
    ]
    return lost, gained, moved


def _named(trace: StoredTrace, name: str) -> Step | None:
    return trace.root if name == trace.root.name else trace.step(name)


def _rank(trace: StoredTrace) -> int:
    outcome = trace.root.attributes.get("fairlead.outcome")
    return OUTCOMES.index(outcome) if outcome in OUTCOMES else 0


def _ms(step: Step | None) -> str:
    return "" if step is None else f"{step.ms:,.1f}"
