"""All routes of the orchestrator."""

from orchestrator import (
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

ALL = [
    module.router
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
        routes_later,
        routes_page,
        routes_ui_config,
    )
]
