"""Retrieval collections in BEIR layout: documents, queries, judgements."""

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast


class CollectionError(ValueError):
    """A collection that cannot be read; the message names the file and the line."""


@dataclass(frozen=True)
class Document:
    """One document of a collection."""

    title: str
    text: str

    @property
    def whole(self) -> str:
        """Title and text as one, the way the published baselines index it."""
        return f"{self.title} {self.text}".strip()


@dataclass(frozen=True)
class Collection:
    """Documents and queries by id, and for each judged query the documents with their grade."""

    name: str
    documents: dict[str, Document]
    queries: dict[str, str]
    judgements: dict[str, dict[str, int]]


def read(folder: Path) -> Collection:
    """The collection in `folder`: corpus.jsonl[.gz], queries.jsonl[.gz], qrels.tsv. Raises CollectionError."""
    documents = {
        _field(row, "_id", at): Document(str(row.get("title", "")), _field(row, "text", at))
        for at, row in _rows(_found(folder, "corpus.jsonl"))
    }
    queries = {_field(row, "_id", at): _field(row, "text", at) for at, row in _rows(_found(folder, "queries.jsonl"))}
    judgements = _judgements(_found(folder, "qrels.tsv"))
    unknown = sorted(set(judgements) - set(queries))
    if unknown:
        raise CollectionError(f"{folder / 'qrels.tsv'} judges {unknown[0]!r}, which queries.jsonl does not hold")
    return Collection(folder.name, documents, {name: queries[name] for name in judgements}, judgements)


def _found(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise CollectionError(f"{folder} holds no {name}: a collection is corpus.jsonl[.gz], queries.jsonl and qrels.tsv")


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            at = f"{path}, line {number}"
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise CollectionError(f"{at}: not valid JSON: {error}") from None
            if not isinstance(row, dict):
                raise CollectionError(f"{at}: a row must be a JSON object")
            yield at, cast("dict[str, Any]", row)


def _opened(path: Path) -> TextIO:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def _field(row: dict[str, Any], name: str, at: str) -> str:
    if not isinstance(row.get(name), str):
        raise CollectionError(f"{at}: `{name}` must be text")
    return row[name]


def _judgements(path: Path) -> dict[str, dict[str, int]]:
    judged: dict[str, dict[str, int]] = {}
    with _opened(path) as file:
        for number, row in enumerate(csv.reader(file, delimiter="\t"), 1):
            if number == 1 and row[-1:] == ["score"]:
                continue
            try:
                query, document, grade = row
                judged.setdefault(query, {})[document] = int(grade)
            except ValueError:
                message = f"{path}, line {number}: a row is query-id, corpus-id and a whole number, separated by tabs"
                raise CollectionError(message) from None
    return judged
