"""`/ui-config`: what the chat page needs to know of this deployment and no API says."""

from typing import Any

from fastapi import APIRouter

from common.auth import CallerDep
from common.document_kinds import KINDS
from orchestrator.resources import ResourcesDep

router = APIRouter(include_in_schema=False)


@router.get("/ui-config")
async def ui_config(_: CallerDep, held: ResourcesDep) -> dict[str, Any]:
    """Where people look at traces (with `{trace_id}`), how large an upload may be, and what kinds can be read."""
    settings = held.settings
    return {
        "trace_url": settings.trace_url,
        "max_upload_bytes": settings.max_upload_bytes,
        "document_kinds": [{"label": kind.label, "suffixes": list(kind.suffixes)} for kind in KINDS],
    }
