"""A team's own questions in the form that the measures take: by number, with the files that answer each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import questions


@dataclass(frozen=True)
class Questions:
    """Queries by the number of their line, and for each the files that answer it with their grade."""

    queries: dict[str, str]
    judgements: dict[str, dict[str, int]]

    def name_of(self, hit: Mapping[str, Any]) -> str:
        """A hit's file as the judgements call it: by its id where any of them does, else by its name."""
        file_id = str(hit["file_id"])
        by_id = any(file_id in judged for judged in self.judgements.values())
        return file_id if by_id else str(hit["filename"])


def read(file: Path) -> Questions:
    """The questions of a file; raises QuestionsError naming the line."""
    asked = questions.read(file)
    return Questions(
        {str(question.line): question.query for question in asked},
        {str(question.line): dict(question.relevant) for question in asked},
    )
