"""The store's own data: what the catalog and the chunk engine take and return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
AttributeValue = str | float | bool
StoreStatus = Literal["in_progress", "completed", "expired"]
FileStatus = Literal["in_progress", "completed", "failed", "cancelled"]
ErrorCode = Literal["server_error", "unsupported_file", "invalid_file"]
Order = Literal["asc", "desc"]
Fusion = Literal["normalised", "rrf"]
Leg = Literal["keyword", "vector"]

DEFAULT_LANGUAGE = "english"
"""Text search configuration of PostgreSQL used where nothing better is known about a text."""

DEFAULT_CANDIDATES = 50
DEFAULT_KEYWORD_WEIGHT = 0.5
"""Both legs count alike: on scales of their own meaning neither collection nor language asks for another share."""
DEFAULT_RRF_K = 60
"""The constant of the paper that introduced it (Cormack and others, 2009)."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Who asks. `groups=None` is a service acting for the whole tenant (ingestion, operations): it sees every document.

    A document without groups is everyone's in the tenant; one with groups is seen by callers who share at least one.
    """

    tenant: str
    groups: tuple[str, ...] | None = ()
    key_id: str = "service"
    """Whose work it is, for the audit log: the caller's key, or the service that acts on its own."""
    key_name: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that a tenant may hold; None is no limit."""

    documents: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tenant holds: documents (files), and their bytes as they were uploaded."""

    documents: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """Vectors compare only within one space: the same model, the same version of its weights, the same dimension."""

    model: str
    version: str
    dimension: int

    def __str__(self) -> str:
        return f"{self.model}@{self.version} ({self.dimension} dimensions)"


@dataclass(frozen=True, slots=True)
class FileCounts:
    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def total(self) -> int:
        return self.in_progress + self.completed + self.failed + self.cancelled


@dataclass(frozen=True, slots=True)
class Store:
    """A knowledge base. Times are Unix seconds, `usage_bytes` counts indexed text and vectors."""

    id: str
    tenant: str
    name: str
    description: str
    metadata: Mapping[str, str]
    status: StoreStatus
    file_counts: FileCounts
    usage_bytes: int
    space: EmbeddingSpace | None
    """The space of its vectors; None until the first file is written."""
    expires_after_days: int | None
    created_at: int
    last_active_at: int
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class File:
    """An uploaded document. Its bytes lie in object storage under `object_key`."""

    id: str
    tenant: str
    filename: str
    purpose: str
    bytes: int
    sha256: str
    content_type: str
    object_key: str
    groups: tuple[str, ...]
    created_at: int
    source: str | None = None
    """Name of the configured source it came from; None for an upload."""
    source_path: str | None = None
    """Its path or address within that source."""


@dataclass(frozen=True, slots=True)
class FileError:
    code: ErrorCode
    message: str
    reason: str | None = None
    """The worker's own, finer code."""


@dataclass(frozen=True, slots=True)
class StoreFile:
    """A file attached to a store."""

    store_id: str
    file_id: str
    filename: str
    status: FileStatus
    last_error: FileError | None
    attributes: Mapping[str, AttributeValue]
    chunking_strategy: Mapping[str, Any] | None
    groups: tuple[str, ...]
    usage_bytes: int
    chunk_count: int
    fingerprint: str | None
    """What the index holds of it: the hash that `ChunkStore.write` was given; None if nothing."""
    created_at: int
    batch_id: str | None = None
    bytes: int = 0
    """Size of the file itself."""
    source: str | None = None
    """Name of the configured source it came from; None for an upload."""
    source_path: str | None = None
    title: str | None = None
    document: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What its reading found out about it as a whole; empty before it is indexed."""


@dataclass(frozen=True, slots=True)
class FileBatch:
    id: str
    store_id: str
    status: FileStatus
    file_counts: FileCounts
    created_at: int


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `first_id` and `last_id` are the cursors for `before` and `after`."""

    data: Sequence[T]
    has_more: bool
    first_id: str | None
    last_id: str | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage to be indexed.

    `vectors` has one row for each window of the model's length in the text (float32, windows × dimension): a passage
    scores by its best window. No rows: the passage is found by its words only. `metadata["words"]`, if there is such,
    are words that it is found by beside its own; `metadata["document"]` of a file's first passage is about the file.
    """

    text: str
    vectors: Vectors
    title: str = ""
    headings: tuple[str, ...] = ()
    page: int | None = None
    page_end: int | None = None
    tokens: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A passage as it lies in the index, `position` counting from 0 within its file."""

    id: str
    file_id: str
    position: int
    text: str
    title: str
    headings: tuple[str, ...]
    page: int | None
    page_end: int | None
    tokens: int
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What to look for. Without `vector`, or when no word of `text` can be looked up, the other leg alone answers."""

    store_ids: tuple[str, ...]
    text: str
    vector: Vectors | None = None
    space: EmbeddingSpace | None = None
    """Space of `vector`; required with it, and refused if a store's vectors are of another."""
    top_k: int = 10
    candidates: int = DEFAULT_CANDIDATES
    """How many passages each leg proposes for fusion."""
    fusion: Fusion = "normalised"
    keyword_weight: float = DEFAULT_KEYWORD_WEIGHT
    """Share of the keyword leg in normalised fusion (0 = vector only, 1 = keyword only)."""
    rrf_k: int = DEFAULT_RRF_K
    filters: Mapping[str, Any] | None = None
    """An OpenAI filter object over file attributes, as it came over the wire."""
    score_threshold: float = 0.0
    explain: bool = False
    """Whether each hit is to say which words of the query it has."""


@dataclass(frozen=True, slots=True)
class LegScore:
    """What one leg said of a hit: its rank there (from 1; None if it was not among the leg's candidates) and score."""

    rank: int | None
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found. `score` is in [0, 1], falls along the list, and does not depend on what else was found."""

    chunk: StoredChunk
    store_id: str
    filename: str
    attributes: Mapping[str, AttributeValue]
    score: float
    keyword: LegScore | None
    vector: LegScore | None
    phrase: bool = False
    """Whether it holds a quoted phrase or an identifier of the query word for word."""
    matched: tuple[str, ...] = ()
    """The query's words that it has, as the keyword leg looked them up, rarest first; only where `explain` asked."""
    indexed_at: float | None = None
    """When the index took its document in, in Unix seconds; None where the engine cannot say."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    hits: tuple[Hit, ...]
    legs: tuple[Leg, ...]
    """The legs that could be asked: an empty query has no words, a request may have no vector."""
    snapshot: str
    """Changes whenever the content of a searched store changes; goes into traces as the index snapshot."""
    terms: tuple[str, ...] = ()
    """The query's words as the keyword leg looked them up."""


@dataclass(frozen=True, slots=True)
class Counts:
    files: int
    chunks: int
    vectors: int


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing `verify` found that does not agree, in words."""

    store_id: str
    what: str
    expected: int
    found: int
    advice: str = ""

    def __str__(self) -> str:
        said = f"store {self.store_id}: {self.what}: expected {self.expected}, found {self.found}"
        return f"{said}; {self.advice}" if self.advice else said
