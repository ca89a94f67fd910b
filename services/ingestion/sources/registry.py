"""All kinds of source: a new one is a file with one class, and its name in this list."""

from typing import Annotated, Any, get_args

from pydantic import BeforeValidator, Field

from ingestion.sources.feed import FeedSource
from ingestion.sources.folder import FolderSource
from ingestion.sources.git import GitSource
from ingestion.sources.json_api import JsonSource
from ingestion.sources.kind import Source
from ingestion.sources.objects import ObjectsSource
from ingestion.sources.website import WebsiteSource

AnyKind = FolderSource | ObjectsSource | WebsiteSource | GitSource | FeedSource | JsonSource
KINDS: tuple[type[Source], ...] = get_args(AnyKind)


def _with_kind(value: Any) -> Any:
    """A source that does not say its kind is a folder, the kind that most begin with."""
    return {"kind": "folder", **value} if isinstance(value, dict) else value


AnySource = Annotated[AnyKind, Field(discriminator="kind"), BeforeValidator(_with_kind)]
