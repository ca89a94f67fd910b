"""From a file on disk to passages ready to embed: what runs inside the sandbox, one file at a time."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingestion.chunk import ChunkOptions, Passage, chunk
from ingestion.extract import extract
from ingestion.failures import Reason, empty, too_large
from ingestion.language import language_of
from ingestion.tokens import Tokens
from ingestion.windows import introduction


@dataclass(frozen=True)
class Request:
    """What to do with one file."""

    path: str
    filename: str
    """The name that the user knows it by; `path` is a temporary copy."""
    tokenizer: str
    """The embedding model's `tokenizer.json`."""
    options: ChunkOptions
    max_file_bytes: int
    max_text_chars: int


@dataclass(frozen=True)
class Prepared:
    """A file's passages in the order of its text."""

    title: str
    passages: tuple[Passage, ...]
    pages: int | None
    removed: dict[str, int]
    """Characters that normalisation took out, by kind."""
    language: str = ""
    """ISO 639; empty when it is not clear."""
    about: dict[str, str] = field(default_factory=dict[str, str])
    """What the file says of itself: description, author, date, url…"""


@dataclass(frozen=True)
class Failure:
    """Why there are none."""

    reason: Reason
    message: str


def prepare(request: Request, tokens: Tokens) -> Prepared:
    """Read, extract and cut one file; raises FileFailure."""
    path = Path(request.path)
    if path.stat().st_size > request.max_file_bytes:
        raise too_large("The file", request.max_file_bytes)
    document = extract(path.read_bytes(), request.filename)
    if len(document.text) > request.max_text_chars:
        raise too_large("The text in the file", request.max_text_chars)
    passages = chunk(document, tokens, request.options)
    if not passages:
        raise empty()
    introduced = introduction(document.title, document.about, tokens, request.options.window)
    first = replace(passages[0], windows=(*passages[0].windows, *introduced))
    return Prepared(
        document.title,
        (first, *passages[1:]),
        document.pages,
        dict(document.removed),
        language_of(document),
        dict(document.about),
    )


def single_threaded() -> None:
    """Keep native libraries from starting threads: one file gets one core, and threads do not survive a fork."""
    for variable in ("TOKENIZERS_PARALLELISM", "RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "false" if variable == "TOKENIZERS_PARALLELISM" else "1"
