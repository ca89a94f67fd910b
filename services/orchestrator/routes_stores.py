"""`/v1/vector_stores`: knowledge bases."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from orchestrator import shapes
from orchestrator.resources import ResourcesDep
from orchestrator.scope import ScopeDep
from orchestrator.wire import Body, ChunkingStrategy, Cursor, Id, Limit, Metadata, Name, Order, Text
from vector_store.catalog import Attachment

router = APIRouter()


class ExpiresAfter(Body):
    """A store that is not used for so many days expires."""

    anchor: Literal["last_active_at"]
    days: int = Field(ge=1, le=365)


class StoreCreate(Body):
    """A new store, perhaps with files at once."""

    name: Name | None = None
    description: Annotated[Text, Field(max_length=2000)] | None = None
    metadata: Metadata | None = None
    expires_after: ExpiresAfter | None = None
    file_ids: Annotated[tuple[Id, ...], Field(max_length=500)] = ()
    chunking_strategy: ChunkingStrategy | None = None


class StoreUpdate(Body):
    """Only what is given changes; null takes a value away."""

    name: Name | None = None
    metadata: Metadata | None = None
    expires_after: ExpiresAfter | None = None


@router.post("/v1/vector_stores")
async def create_store(body: StoreCreate, scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """Create a store."""
    chunking = body.chunking_strategy.stored("chunking_strategy") if body.chunking_strategy else None
    created = await held.catalog.create_store(
        scope,
        body.name or "",
        description=body.description or "",
        metadata=body.metadata,
        expires_after_days=body.expires_after.days if body.expires_after else None,
    )
    if body.file_ids:
        attachments = [Attachment(file_id, chunking_strategy=chunking) for file_id in dict.fromkeys(body.file_ids)]
        try:
            await held.catalog.create_batch(scope, created.id, attachments)
        except Exception:
            await held.catalog.delete_store(scope, created.id)  # an unknown file: the whole request has no effect
            raise
        created = await held.catalog.get_store(scope, created.id)
    return shapes.store(created)


@router.get("/v1/vector_stores")
async def list_stores(
    scope: ScopeDep,
    held: ResourcesDep,
    limit: Limit = 20,
    order: Order = "desc",
    after: Cursor = None,
    before: Cursor = None,
) -> dict[str, Any]:
    """The caller's stores."""
    page = await held.catalog.list_stores(scope, limit=limit, order=order, after=after, before=before)
    return shapes.listing(page, shapes.store)


@router.get("/v1/vector_stores/{vector_store_id}")
async def get_store(vector_store_id: Id, scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """One store."""
    return shapes.store(await held.catalog.get_store(scope, vector_store_id))


@router.post("/v1/vector_stores/{vector_store_id}")
async def update_store(vector_store_id: Id, body: StoreUpdate, scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """Change a store's name, metadata or expiry."""
    changes: dict[str, Any] = {}
    if "name" in body.model_fields_set:
        changes["name"] = body.name or ""
    if "metadata" in body.model_fields_set:
        changes["metadata"] = _given(body.metadata)
    if "expires_after" in body.model_fields_set:
        changes["expires_after_days"] = body.expires_after.days if body.expires_after else None
    return shapes.store(await held.catalog.update_store(scope, vector_store_id, **changes))


@router.delete("/v1/vector_stores/{vector_store_id}")
async def delete_store(vector_store_id: Id, scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """Delete a store; its files stay."""
    await held.catalog.delete_store(scope, vector_store_id)
    return shapes.deleted(vector_store_id, "vector_store.deleted")


def _given(metadata: Mapping[str, str] | None) -> Mapping[str, str]:
    return {} if metadata is None else metadata
