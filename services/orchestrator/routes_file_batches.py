"""`/v1/vector_stores/{id}/file_batches`: many files attached at once, and watched as one."""

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field

from common.errors import invalid
from orchestrator import shapes
from orchestrator.resources import ResourcesDep
from orchestrator.routes_store_files import POLL_AFTER_MS, Status, StoreFileCreate
from orchestrator.scope import ScopeDep
from orchestrator.wire import Attributes, Body, ChunkingStrategy, Cursor, Id, Limit, Order
from vector_store.catalog import Attachment

router = APIRouter()

MOST_FILES = 500


class BatchCreate(Body):
    """Files with settings in common (`file_ids`) or each with its own (`files`)."""

    file_ids: Annotated[tuple[Id, ...], Field(max_length=MOST_FILES)] | None = None
    files: Annotated[tuple[StoreFileCreate, ...], Field(max_length=MOST_FILES)] | None = None
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None

    def attachments(self) -> list[Attachment]:
        """What is to be attached; raises ApiError when it is not said in exactly one way."""
        if bool(self.file_ids) == bool(self.files):
            raise invalid("Give the files either in file_ids or in files.", "file_ids")
        if self.files:
            if self.attributes is not None or self.chunking_strategy is not None:
                raise invalid("With files, each has its own attributes and chunking_strategy.", "files")
            return [_attachment(file, f"files[{place}].chunking_strategy") for place, file in enumerate(self.files)]
        common = {"attributes": self.attributes, "chunking_strategy": self.chunking_strategy}
        return [
            _attachment(StoreFileCreate(file_id=file_id, **common), "chunking_strategy")
            for file_id in self.file_ids or ()
        ]


@router.post("/v1/vector_stores/{vector_store_id}/file_batches")
async def create_batch(vector_store_id: Id, body: BatchCreate, scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """Attach the files, all or none."""
    return shapes.batch(await held.catalog.create_batch(scope, vector_store_id, body.attachments()))


@router.get("/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}")
async def get_batch(
    vector_store_id: Id, batch_id: Id, response: Response, scope: ScopeDep, held: ResourcesDep
) -> dict[str, Any]:
    """How far the batch has come."""
    found = await held.catalog.get_batch(scope, vector_store_id, batch_id)
    if found.file_counts.in_progress:
        response.headers["openai-poll-after-ms"] = POLL_AFTER_MS
    return shapes.batch(found)


@router.get("/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/files")
async def list_batch_files(
    vector_store_id: Id,
    batch_id: Id,
    scope: ScopeDep,
    held: ResourcesDep,
    status: Status = None,
    limit: Limit = 20,
    order: Order = "desc",
    after: Cursor = None,
    before: Cursor = None,
) -> dict[str, Any]:
    """The batch's files."""
    page = await held.catalog.list_store_files(
        scope,
        vector_store_id,
        batch_id=batch_id,
        status=status,
        limit=limit,
        order=order,
        after=after,
        before=before,
    )
    return shapes.listing(page, shapes.store_file)


@router.post("/v1/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel")
async def cancel_batch(vector_store_id: Id, batch_id: Id, scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """Stop what has not been indexed yet."""
    return shapes.batch(await held.catalog.cancel_batch(scope, vector_store_id, batch_id))


def _attachment(file: StoreFileCreate, place: str) -> Attachment:
    strategy = file.chunking_strategy.stored(place) if file.chunking_strategy else None
    return Attachment(file.file_id, file.attributes, strategy)
