"""Questions with the files that answer them, as JSON lines: the least that a team needs to judge its own search."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

SHAPE = '{"query": "…", "relevant": ["file name or id", …]} (or {"file": grade, …} in `relevant`)'


class QuestionsError(ValueError):
    """A file of questions that cannot be used; the message names the line."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and the files that answer it, each by its id or its name, with its grade (1 where none is given)."""

    line: int
    query: str
    relevant: Mapping[str, int]


def read(file: Path) -> list[Question]:
    """The questions of a file, at least one; raises QuestionsError naming the line."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionsError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    questions = [
        _question(text, number, f"{file}, line {number}") for number, text in enumerate(lines, 1) if text.strip()
    ]
    if not questions:
        raise QuestionsError(f"{file} holds no question; a line is {SHAPE}")
    return questions


def _question(text: str, line: int, at: str) -> Question:
    try:
        row = cast("dict[str, Any]", json.loads(text))
        query, relevant = row["query"], row["relevant"]
        graded = cast("dict[str, Any]", relevant if isinstance(relevant, dict) else dict.fromkeys(relevant, 1))
        found = {str(name): int(grade) for name, grade in graded.items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise QuestionsError(f"{at}: not of the form {SHAPE}") from None
    if not isinstance(query, str) or not query.strip() or not found:
        raise QuestionsError(f"{at}: a question and at least one file that answers it are needed")
    return Question(line, query, found)
