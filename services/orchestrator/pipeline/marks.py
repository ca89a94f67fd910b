"""Citation marks in a streamed answer: `[3]` becomes the number under which its passage is cited, wrong ones go.

Text that has been passed on is final, so whatever may still become a mark is held back until it is decided.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.pipeline.passages import Passage

# `[1]`, `[1, 2]`, `[^1]`, and the brackets some models prefer, with the space before them.
_NUMBERS = r"(?P<numbers>\d{1,3}(?:\s*[,;]\s*\d{1,3})*)"
_TOKEN = re.compile(rf"(?P<code>`+)|(?P<space>\s*)[\[【]\^?\s*{_NUMBERS}\s*[\]】]")
_UNDECIDED = re.compile(r"`+$|\s*(?:[\[【]\^?[\d\s,;]*)?$")
# Nothing longer is a mark; a model that opens a bracket and never closes it must not hold the stream back.
LONGEST_MARK = 48
# This much of the text before a mark decides whether the mark itself is quoted from a passage (`items[1]`).
CONTEXT = 12


@dataclass(frozen=True)
class Mark:
    """A citation in the final text: `text[start:end]` is the mark, `index` the number in it."""

    start: int
    end: int
    index: int
    passage: Passage


class MarkFilter:
    """Feed it the model's chunks; it gives back final text whose every mark stands for a passage.

    Passages are numbered anew in the order in which they are cited, so that an answer begins with `[1]`.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = {passage.number: passage for passage in passages}
        self._index: dict[int, int] = {}
        self._held = ""
        self._fence: str | None = None
        self.text = ""
        self.marks: list[Mark] = []
        self.removed = 0

    def feed(self, piece: str) -> str:
        """What can be passed on now."""
        buffer = self._held + piece
        undecided = _UNDECIDED.search(buffer, max(0, len(buffer) - LONGEST_MARK))
        keep = undecided.start() if undecided else len(buffer)
        self._held = buffer[keep:]
        return self._decide(buffer[:keep])

    def close(self) -> str:
        """The rest, when the model has ended."""
        rest, self._held = self._held.rstrip(), ""
        return self._decide(rest)

    def literal(self, text: str) -> str:
        """Text of our own, in which nothing is a mark."""
        self.text += text
        return text

    def mark(self, passage: Passage) -> str:
        """A mark of our own."""
        index = self._index.setdefault(passage.number, len(self._index) + 1)
        written = f"[{index}]"
        start = len(self.text)
        self.text += written
        self.marks.append(Mark(start, len(self.text), index, passage))
        return written

    def _decide(self, settled: str) -> str:
        before = len(self.text)
        position = 0
        for found in _TOKEN.finditer(settled):
            self.text += settled[position : found.start()]
            position = found.end()
            if found["code"]:
                self._toggle(found["code"])
                self.text += found.group()
            elif self._fence is not None:
                self.text += found.group()
            else:
                self._cite(found)
        self.text += settled[position:]
        return self.text[before:]

    def _toggle(self, ticks: str) -> None:
        """Inside code, brackets are code. A run of backticks closes only a run of its own length."""
        if self._fence is None:
            self._fence = ticks
        elif self._fence == ticks:
            self._fence = None

    def _cite(self, found: re.Match[str]) -> None:
        space, written = found["space"], found.group()
        if not space and self._is_quoted(written):
            self.text += written
            return
        numbers = [int(number) for number in re.findall(r"\d+", found["numbers"])]
        known = [number for number in dict.fromkeys(numbers) if number in self._passages]
        self.removed += len(set(numbers)) - len(known)
        if not known:
            return
        self.text += space
        for number in known:
            self.mark(self._passages[number])

    def _is_quoted(self, written: str) -> bool:
        """Whether `…name[1]` stands so in a passage: then it is the document's own text, an index and no citation."""
        context = self.text[-CONTEXT:]
        if not context or not (context[-1].isalnum() or context[-1] in "_)]"):
            return False
        word = re.split(r"\s", context)[-1]
        return any(word + written in passage.text for passage in self._passages.values())
