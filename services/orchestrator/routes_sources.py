"""`/v1/sources`: how the sources of the caller's tenant stand; and a second try for files that failed."""

from typing import Any

from fastapi import APIRouter

from orchestrator import shapes
from orchestrator.resources import ResourcesDep
from orchestrator.scope import ScopeDep
from orchestrator.wire import Id
from vector_store.source_states import shown

router = APIRouter()


@router.get("/v1/sources")
async def list_sources(scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """When each source was last in step, what the last look found, what is left to do, what failed and why."""
    states = await held.sources.states(scope.tenant)
    documents = await held.sources.documents(scope.tenant, [state.name for state in states])
    return {"object": "list", "data": [shown(state, documents[state.name]) for state in states]}


@router.post("/v1/vector_stores/{vector_store_id}/files/{file_id}/retry")
async def retry_file(vector_store_id: Id, file_id: Id, scope: ScopeDep, held: ResourcesDep) -> dict[str, Any]:
    """Put a file that failed back into the queue; 409 for one that has not failed."""
    # Only who may see a file may have it tried again.
    await held.catalog.get_store_file(scope, vector_store_id, file_id)
    await held.retries.retry(scope, vector_store_id, file_id)
    return shapes.store_file(await held.catalog.get_store_file(scope, vector_store_id, file_id))
