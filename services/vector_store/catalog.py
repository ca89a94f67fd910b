"""Stores, files and what is attached to what: the system of record beside the chunk index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from common.postgres import Pool
from vector_store.models import (
    AttributeValue,
    File,
    FileBatch,
    FileError,
    FileStatus,
    Order,
    Page,
    Scope,
    Store,
    StoreFile,
)

UNCHANGED: Final[Any] = object()
"""Marks a field that an update leaves as it is (None is a value)."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to attach, with its own settings."""

    file_id: str
    attributes: Mapping[str, AttributeValue] | None = None
    chunking_strategy: Mapping[str, Any] | None = None
    groups: tuple[str, ...] | None = None
    """None takes the file's groups."""


class Catalog:
    """Every call is one transaction of the scope's tenant. Unknown or invisible things raise NotFoundError,
    values that break a rule InvalidError with the `param` at fault."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    # -- stores

    async def create_store(
        self,
        scope: Scope,
        name: str,
        *,
        description: str = "",
        metadata: Mapping[str, str] | None = None,
        expires_after_days: int | None = None,
    ) -> Store:
        """A new, empty store (names need not be unique)."""
        raise NotImplementedError

    async def ensure_store(self, scope: Scope, name: str) -> Store:
        """The tenant's oldest store of that name, created if there is none; safe under concurrent callers."""
        raise NotImplementedError

    async def get_store(self, scope: Scope, store_id: str) -> Store:
        raise NotImplementedError

    async def find_stores(self, scope: Scope, names: Sequence[str]) -> list[Store]:
        """For each name the tenant's oldest store of that name; names without a store are left out."""
        raise NotImplementedError

    async def list_stores(
        self,
        scope: Scope,
        *,
        limit: int = 20,
        order: Order = "desc",
        after: str | None = None,
        before: str | None = None,
    ) -> Page[Store]:
        raise NotImplementedError

    async def update_store(
        self,
        scope: Scope,
        store_id: str,
        *,
        name: str = UNCHANGED,
        description: str = UNCHANGED,
        metadata: Mapping[str, str] | None = UNCHANGED,
        expires_after_days: int | None = UNCHANGED,
    ) -> Store:
        raise NotImplementedError

    async def delete_store(self, scope: Scope, store_id: str) -> None:
        """Deletes the store and its index; the files themselves stay."""
        raise NotImplementedError

    async def touch_stores(self, scope: Scope, store_ids: Sequence[str]) -> None:
        """Notes that the stores were used (for `expires_after`); writes at most once a minute for each."""
        raise NotImplementedError

    # -- files

    async def create_file(
        self,
        scope: Scope,
        *,
        filename: str,
        bytes: int,
        sha256: str,
        object_key: str,
        content_type: str = "application/octet-stream",
        purpose: str = "assistants",
        groups: tuple[str, ...] = (),
        source: str | None = None,
        source_path: str | None = None,
        file_id: str | None = None,
    ) -> File:
        """Records a file whose bytes lie under `object_key` already. `file_id` when the key was made from it."""
        raise NotImplementedError

    async def get_file(self, scope: Scope, file_id: str) -> File:
        raise NotImplementedError

    async def list_files(
        self,
        scope: Scope,
        *,
        purpose: str | None = None,
        limit: int = 20,
        order: Order = "desc",
        after: str | None = None,
    ) -> Page[File]:
        raise NotImplementedError

    async def source_files(self, scope: Scope, source: str) -> dict[str, File]:
        """The files that came from a configured source, by their path in it."""
        raise NotImplementedError

    async def delete_file(self, scope: Scope, file_id: str) -> None:
        """Deletes the file and its chunks in every store, and queues `delete_file` to remove its bytes."""
        raise NotImplementedError

    # -- files in stores

    async def attach(
        self,
        scope: Scope,
        store_id: str,
        file_id: str,
        *,
        attributes: Mapping[str, AttributeValue] | None = None,
        chunking_strategy: Mapping[str, Any] | None = None,
        groups: tuple[str, ...] | None = None,
    ) -> StoreFile:
        """Attaches a file, `in_progress`, and queues `ingest_file` in the same transaction.

        A file attached already takes the new settings and is ingested again.
        """
        raise NotImplementedError

    async def get_store_file(self, scope: Scope, store_id: str, file_id: str) -> StoreFile:
        raise NotImplementedError

    async def list_store_files(
        self,
        scope: Scope,
        store_id: str,
        *,
        status: FileStatus | None = None,
        batch_id: str | None = None,
        limit: int = 20,
        order: Order = "desc",
        after: str | None = None,
        before: str | None = None,
    ) -> Page[StoreFile]:
        raise NotImplementedError

    async def set_attributes(
        self, scope: Scope, store_id: str, file_id: str, attributes: Mapping[str, AttributeValue]
    ) -> StoreFile:
        """Replaces a file's attributes; filters see them at once."""
        raise NotImplementedError

    async def set_status(
        self, scope: Scope, store_id: str, file_id: str, status: FileStatus, error: FileError | None = None
    ) -> None:
        """The worker's word on a file. `completed` is set by `ChunkStore.write`; a cancelled file stays cancelled."""
        raise NotImplementedError

    async def detach(self, scope: Scope, store_id: str, file_id: str) -> None:
        """Removes a file and its chunks from one store; the file itself stays."""
        raise NotImplementedError

    # -- batches

    async def create_batch(self, scope: Scope, store_id: str, attachments: Sequence[Attachment]) -> FileBatch:
        """Attaches many files at once; all or none."""
        raise NotImplementedError

    async def get_batch(self, scope: Scope, store_id: str, batch_id: str) -> FileBatch:
        raise NotImplementedError

    async def cancel_batch(self, scope: Scope, store_id: str, batch_id: str) -> FileBatch:
        """Cancels the batch's files that are still in progress."""
        raise NotImplementedError
