"""Citations: for each cited passage the verbatim quote that supports the answer, and how much of it is supported."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.pipeline import sentences
from orchestrator.pipeline.marks import Mark
from orchestrator.pipeline.passages import Passage

# A sentence of a passage that shares fewer of the claim's words than this does not support it.
SUPPORTED = 0.5
LONGEST_QUOTE = 1_000
_MARK = re.compile(r"\[\d+\]")
_EDGES = " \t\r\n.,;:!?…*_>#-–—\"'“”‘’()`"


@dataclass(frozen=True)
class Citation:
    """What `[index]` in the answer stands for. `quote` is text of the passage, unchanged."""

    index: int
    passage: Passage
    quote: str
    support: float


def cite(text: str, marks: Sequence[Mark]) -> list[Citation]:
    """One citation per index, in order; where a passage is cited twice the better supported quote is kept."""
    best: dict[int, Citation] = {}
    for mark, (_, claim) in zip(marks, _claims(text, marks), strict=True):
        quote, support = quote_for(claim, mark.passage.text)
        known = best.get(mark.index)
        if known is None or support > known.support:
            best[mark.index] = Citation(mark.index, mark.passage, quote, support)
    return [best[index] for index in sorted(best)]


def quote_for(claim: str, passage: str) -> tuple[str, float]:
    """The part of `passage` that supports `claim`, and how well in [0, 1]; 1 means that it says so word for word."""
    claimed = list(sentences.split(claim))
    for candidate in (claim, claimed[-1].text if claimed else ""):
        found = _verbatim(candidate, passage)
        if found:
            return found, 1.0
    asked = set(sentences.words(claimed[-1].text if claimed else claim))
    best, support = "", -1.0
    for sentence in sentences.split(passage):
        shared = _share(asked, sentence.text)
        if shared > support:
            best, support = sentence.text, shared
    return best[:LONGEST_QUOTE], max(support, 0.0)


def grounding(text: str, marks: Sequence[Mark]) -> float | None:
    """The share of the answer's words that stand before a mark whose passage supports them; None without words.

    It measures agreement with the cited passages word by word; it cannot tell whether they are true.
    """
    total = len(sentences.words(_MARK.sub("", text)))
    if not total:
        return None
    backed = 0
    counted: set[int] = set()
    for mark, (start, claim) in zip(marks, _claims(text, marks), strict=True):
        if start not in counted and quote_for(claim, mark.passage.text)[1] >= SUPPORTED:
            counted.add(start)
            backed += len(sentences.words(claim))
    return min(1.0, backed / total)


def _claims(text: str, marks: Sequence[Mark]) -> list[tuple[int, str]]:
    """For each mark where its claim begins and the claim: the text since the mark before it, within its paragraph.

    Marks side by side share one claim.
    """
    claims: list[tuple[int, str]] = []
    end = 0
    for mark in marks:
        between = text[end : mark.start].rpartition("\n\n")[2].strip(_EDGES)
        claims.append((end, between) if between or not claims else claims[-1])
        end = mark.end
    return claims


def _verbatim(claim: str, passage: str) -> str | None:
    parts = claim.strip(_EDGES).split()
    if not parts:
        return None
    found = re.search(r"\s+".join(re.escape(part) for part in parts), passage)
    if found is None:
        return None
    end = found.end()
    if end < len(passage) and passage[end] in ".!?…。":
        end += 1
    return passage[found.start() : end][:LONGEST_QUOTE]


def _share(asked: set[str], sentence: str) -> float:
    """F1 of the two sets of words: a long sentence does not win by its length alone."""
    said = set(sentences.words(sentence))
    common = len(asked & said)
    return 2 * common / (len(asked) + len(said)) if common else 0.0
