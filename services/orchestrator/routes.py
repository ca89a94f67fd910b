"""All routes of the orchestrator."""

from fastapi import APIRouter, Depends

from orchestrator import (
    routes_audit,
    routes_chat,
    routes_embeddings,
    routes_feedback,
    routes_file_batches,
    routes_files,
    routes_later,
    routes_models,
    routes_page,
    routes_search,
    routes_sources,
    routes_store_files,
    routes_stores,
    routes_ui_config,
)
from orchestrator.quotas import admitted

# What a tenant's quota of requests does not count: the page itself, and looking at the quota.
FREE = (routes_audit, routes_later, routes_page, routes_ui_config)


def _counted(router: APIRouter) -> APIRouter:
    counted = APIRouter(dependencies=[Depends(admitted)])
    counted.include_router(router)
    return counted


ALL = [
    module.router if module in FREE else _counted(module.router)
    for module in (
        routes_chat,
        routes_models,
        routes_embeddings,
        routes_files,
        routes_stores,
        routes_store_files,
        routes_file_batches,
        routes_search,
        routes_sources,
        routes_feedback,
        routes_audit,
        routes_later,
        routes_page,
        routes_ui_config,
    )
]
