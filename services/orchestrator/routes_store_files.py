"""`/v1/vector_stores/{id}/files`: which files a store holds, and how far each has come."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from orchestrator import shapes
from orchestrator.resources import ResourcesDep
from orchestrator.scope import ScopeDep
from orchestrator.wire import Attributes, Body, ChunkingStrategy, Cursor, Id, Limit, Order
from vector_store.audit_events import AuditEvent

router = APIRouter()

# The stock client polls once a second unless it is told otherwise; most files are indexed in less.
POLL_AFTER_MS = "250"

Status = Annotated[Literal["in_progress", "completed", "failed", "cancelled"] | None, Query(alias="filter")]


class StoreFileCreate(Body):
    """A file to attach."""

    file_id: Id
    attributes: Attributes | None = None
    chunking_strategy: ChunkingStrategy | None = None


class StoreFileUpdate(Body):
    """Attributes to put in the place of the old ones."""

    attributes: Attributes | None


@router.post("/v1/vector_stores/{vector_store_id}/files")
async def attach_file(
    vector_store_id: Id, body: StoreFileCreate, scope: ScopeDep, held: ResourcesDep
) -> dict[str, Any]:
    """Attach a file; it is indexed by the ingestion worker, not in this request."""
    attached = await held.catalog.attach(
        scope,
        vector_store_id,
        body.file_id,
        attributes=body.attributes,
        chunking_strategy=body.chunking_strategy.stored("chunking_strategy") if body.chunking_strategy else None,
    )
    return shapes.store_file(attached)


@router.get("/v1/vector_stores/{vector_store_id}/files")
async def list_store_files(
    vector_store_id: Id,
    scope: ScopeDep,
    held: ResourcesDep,
    status: Status = None,
    limit: Limit = 20,
    order: Order = "desc",
    after: Cursor = None,
    before: Cursor = None,
) -> dict[str, Any]:
    """The store's files."""
    page = await held.catalog.list_store_files(
        scope, vector_store_id, status=status, limit=limit, order=order, after=after, before=before
    )
    return shapes.listing(page, shapes.store_file)


@router.get("/v1/vector_stores/{vector_store_id}/files/{file_id}")
async def get_store_file(
    vector_store_id: Id, file_id: Id, response: Response, scope: ScopeDep, held: ResourcesDep
) -> dict[str, Any]:
    """One file of the store."""
    found = await held.catalog.get_store_file(scope, vector_store_id, file_id)
    if found.status == "in_progress":
        response.headers["openai-poll-after-ms"] = POLL_AFTER_MS
    return shapes.store_file(found)


@router.post("/v1/vector_stores/{vector_store_id}/files/{file_id}")
async def update_store_file(
    vector_store_id: Id, file_id: Id, body: StoreFileUpdate, scope: ScopeDep, held: ResourcesDep
) -> dict[str, Any]:
    """Replace the file's attributes; filters see them at once."""
    return shapes.store_file(await held.catalog.set_attributes(scope, vector_store_id, file_id, body.attributes or {}))


@router.delete("/v1/vector_stores/{vector_store_id}/files/{file_id}")
async def detach_file(vector_store_id: Id, file_id: Id, scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """Take a file out of the store; the file itself stays."""
    await held.catalog.detach(scope, vector_store_id, file_id)
    return shapes.deleted(file_id, "vector_store.file.deleted")


@router.get("/v1/vector_stores/{vector_store_id}/files/{file_id}/content")
async def get_store_file_content(
    vector_store_id: Id, file_id: Id, scope: ScopeDep, held: ResourcesDep
) -> dict[str, Any]:
    """The text that was found in the file, in the passages that are searched."""
    await held.catalog.get_store_file(scope, vector_store_id, file_id)
    held.audit_writer.note(AuditEvent.of(scope, "store_file.read", store_id=vector_store_id, file_id=file_id))
    chunks = await held.chunks.read(scope, vector_store_id, file_id)
    return {
        "object": "vector_store.file_content.page",
        "data": [shapes.content(chunk) for chunk in chunks],
        "has_more": False,
        "next_page": None,
    }
