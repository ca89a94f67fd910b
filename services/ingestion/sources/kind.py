"""What a kind of source is: one class that holds its configuration and knows how to look for documents."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field

from common.live_config import Tunables
from ingestion.extract.kinds import SUFFIXES
from ingestion.failures import Reason

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Attribute = str | float | bool
MONTH_S = 31 * 86_400


class SourceUnavailable(Exception):
    """The source as a whole cannot be read: nothing may be concluded about its files."""

    def __init__(self, message: str, reason: Reason = Reason.UNREADABLE) -> None:
        super().__init__(message)
        self.reason = reason


class Unreadable(Exception):
    """One document cannot be read now; the others can."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class FoundFile:
    """A document that is there now.

    `path` is its name within the source, of parts with `/` between them, and can be stored whatever it was made from.
    Equal versions mean equal bytes. `place` is where the bytes lie, or will lie once `fetch` has returned; a file whose
    version is known already needs neither. `fetch` raises OSError or Unreadable.
    """

    path: str
    place: Path
    bytes: int
    version: str
    fetch: Callable[[], Awaitable[None]] | None = None
    filename: str | None = None
    """What people see, and what decides between kinds of text; None is the path."""
    content_type: str | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])


@dataclass(frozen=True)
class Unread:
    """Something that cannot be read. What lies under it is then unknown, not gone."""

    path: str
    reason: Reason
    message: str


@dataclass
class Scan:
    """What one look at the source found."""

    files: dict[str, FoundFile] = field(default_factory=dict[str, FoundFile])
    unread: list[Unread] = field(default_factory=list[Unread])
    skipped: int = 0
    """Documents of other kinds, and what is left out by configuration."""
    partial: bool = False
    """Whether only a part could be looked at: then nothing that was not found is known to be gone."""

    def is_unknown(self, path: str) -> bool:
        """Whether a file that was not found may still be there, under what could not be read."""
        return self.partial or any(path == unread.path or path.startswith(f"{unread.path}/") for unread in self.unread)


@dataclass(frozen=True)
class Looking:
    """What a look may use: versions known by path, the size over which files are not read, and two folders."""

    known: Mapping[str, str]
    largest: int
    folder: Path
    """Emptied when the look ends."""
    cache: Path
    """Kept for the next look, as long as the worker lives or its configuration says."""


class Source(Tunables, ABC):
    """Base of all kinds. A kind adds `kind`, what it needs to be told, `place` and `look`; the registry lists it."""

    store: Name = Field(default="default", description="Name of the vector store; made if there is none.")
    tenant: Name = Field(default="default", description="Tenant whose store it is.")
    label: Name | None = Field(
        default=None, description="What filters and metrics call it; none: its kind, store and place."
    )
    every_s: float | None = Field(
        default=None,
        ge=1,
        le=MONTH_S,
        description="Seconds between two looks; none: `sync_interval_s`, for what is read over a network at least 60.",
    )

    least_every_s: ClassVar[float] = 1.0
    """The shortest time between two looks that nobody asked for: others pay for them too."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it is, for people: a path or an address, without secrets."""

    @abstractmethod
    def look(self, looking: Looking) -> AbstractAsyncContextManager[Scan]:
        """Look at what is there now. The bytes of what was found can be read while the context is open.

        Raises SourceUnavailable when the source as a whole cannot be read.
        """

    def interval_s(self, otherwise: float) -> float:
        """The time between two looks; `otherwise` is what the configuration says for all."""
        return self.every_s or max(otherwise, self.least_every_s)

    @property
    def name(self) -> str:
        """What the source is called in the catalog: the same place in two stores is two sources."""
        return f"{getattr(self, 'kind', '')}:{self.store}:{self.place}"

    @property
    def shown_name(self) -> str:
        """What people, filters and metrics call it."""
        return self.label or self.name


Suffixes = Annotated[tuple[str, ...], Field(min_length=1)]
ALL_SUFFIXES = tuple(sorted(SUFFIXES))


def why(error: OSError | RuntimeError, what: str) -> str:
    """A failure of the file system as a sentence about `what`."""
    if isinstance(error, FileNotFoundError):
        return f"{what} does not exist."
    if isinstance(error, PermissionError):
        return f"{what} may not be read: permission denied."
    if isinstance(error, NotADirectoryError):
        return f"{what} is not a folder."
    return f"{what} cannot be read: {getattr(error, 'strerror', None) or error}."
