"""Questions with the files that answer them, as JSON lines: the least that a team needs to judge its own search."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from evaluation.collection import CollectionError

SHAPE = '{"query": "…", "relevant": ["file name or id", …]} (or {"file": grade, …} in `relevant`)'


@dataclass(frozen=True)
class Questions:
    """Queries by number, and for each the files that answer it with their grade."""

    queries: dict[str, str]
    judgements: dict[str, dict[str, int]]

    def name_of(self, hit: Mapping[str, Any]) -> str:
        """A hit's file as the judgements call it: by its id where any of them does, else by its name."""
        file_id = str(hit["file_id"])
        by_id = any(file_id in judged for judged in self.judgements.values())
        return file_id if by_id else str(hit["filename"])


def read(file: Path) -> Questions:
    """The questions of a file; raises CollectionError naming the line."""
    queries: dict[str, str] = {}
    judgements: dict[str, dict[str, int]] = {}
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CollectionError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    for number, text in enumerate(lines, 1):
        if text.strip():
            query, relevant = _row(text, f"{file}, line {number}")
            queries[str(number)], judgements[str(number)] = query, relevant
    if not queries:
        raise CollectionError(f"{file} holds no question; a line is {SHAPE}")
    return Questions(queries, judgements)


def _row(text: str, at: str) -> tuple[str, dict[str, int]]:
    try:
        row = cast("dict[str, Any]", json.loads(text))
        query, relevant = row["query"], row["relevant"]
        graded = relevant if isinstance(relevant, dict) else dict.fromkeys(relevant, 1)
        found = {str(name): int(grade) for name, grade in cast("dict[str, Any]", graded).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CollectionError(f"{at}: not of the form {SHAPE}") from None
    if not isinstance(query, str) or not query.strip() or not found:
        raise CollectionError(f"{at}: a question and at least one file that answers it are needed")
    return query, found
