"""All kinds of source: a new one is a file with one class, and its name in this list."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from ingestion.sources.folder import FolderSource
from ingestion.sources.kind import Source

AnyKind = FolderSource


def _with_kind(value: Any) -> Any:
    """A source that does not say its kind is a folder, the kind that most begin with."""
    return {"kind": "folder", **value} if isinstance(value, dict) else value


AnySource = Annotated[AnyKind, BeforeValidator(_with_kind)]
KINDS: tuple[type[Source], ...] = (FolderSource,)
