"""Stores, files and search results in OpenAI's shapes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from vector_store.models import File, FileBatch, FileCounts, Hit, LegScore, Page, Store, StoredChunk, StoreFile

T = TypeVar("T")


def listing(page: Page[T], shape: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """A page of a list."""
    return {
        "object": "list",
        "data": [shape(item) for item in page.data],
        "first_id": page.first_id,
        "last_id": page.last_id,
        "has_more": page.has_more,
    }


def deleted(identifier: str, kind: str) -> dict[str, Any]:
    """The answer to a deletion."""
    return {"id": identifier, "object": kind, "deleted": True}


def store(found: Store) -> dict[str, Any]:
    """A `vector_store`."""
    days = found.expires_after_days
    return {
        "id": found.id,
        "object": "vector_store",
        "created_at": found.created_at,
        "name": found.name,
        "description": found.description,
        "usage_bytes": found.usage_bytes,
        "file_counts": _counts(found.file_counts),
        "status": found.status,
        "expires_after": None if days is None else {"anchor": "last_active_at", "days": days},
        "expires_at": found.expires_at,
        "last_active_at": found.last_active_at,
        "metadata": dict(found.metadata),
    }


def file(found: File) -> dict[str, Any]:
    """A `file`."""
    return {
        "id": found.id,
        "object": "file",
        "bytes": found.bytes,
        "created_at": found.created_at,
        "expires_at": None,
        "filename": found.filename,
        "purpose": found.purpose,
        "status": "processed",
        "status_details": None,
        "fairlead": {"groups": list(found.groups)},
    }


def store_file(found: StoreFile) -> dict[str, Any]:
    """A `vector_store.file`, with its name and number of chunks as Fairlead's own."""
    error = found.last_error
    return {
        "id": found.file_id,
        "object": "vector_store.file",
        "created_at": found.created_at,
        "usage_bytes": found.usage_bytes,
        "vector_store_id": found.store_id,
        "status": found.status,
        "last_error": None if error is None else {"code": error.code, "message": error.message},
        "chunking_strategy": _chunking(found.chunking_strategy),
        "attributes": dict(found.attributes),
        "fairlead": {
            "filename": found.filename,
            "chunks": found.chunk_count,
            "bytes": found.bytes,
            "title": found.title,
            # Its kind only: the name may hold a path of the machine that reads it.
            "source": found.source.partition(":")[0] if found.source else None,
            "source_path": found.source_path,
            "document": dict(found.document) or None,
        },
    }


def content(chunk: StoredChunk) -> dict[str, Any]:
    """A passage of a `vector_store.file_content.page`, with what is known of it as Fairlead's own."""
    return {
        "type": "text",
        "text": chunk.text,
        "fairlead": {
            "chunk_id": chunk.id,
            "position": chunk.position,
            "title": chunk.title or None,
            "headings": list(chunk.headings),
            "page": chunk.page,
            "page_end": chunk.page_end,
            "tokens": chunk.tokens,
            "metadata": {name: value for name, value in chunk.metadata.items() if name not in {"document", "words"}},
        },
    }


def batch(found: FileBatch) -> dict[str, Any]:
    """A `vector_store.files_batch`."""
    return {
        "id": found.id,
        "object": "vector_store.files_batch",
        "created_at": found.created_at,
        "vector_store_id": found.store_id,
        "status": found.status,
        "file_counts": _counts(found.file_counts),
    }


def search_results(
    queries: Sequence[str], hits: Sequence[Hit], own: Mapping[str, Any], *, explain: bool = False
) -> dict[str, Any]:
    """A page of `vector_store.search_results`."""
    return {
        "object": "vector_store.search_results.page",
        "search_query": list(queries),
        "data": [_hit(hit, explain) for hit in hits],
        "has_more": False,
        "next_page": None,
        "fairlead": dict(own),
    }


def _hit(hit: Hit, explain: bool) -> dict[str, Any]:
    chunk = hit.chunk
    why = {"phrase": hit.phrase, "matched": list(hit.matched)} if explain else {}
    return {
        "file_id": chunk.file_id,
        "filename": hit.filename,
        "score": hit.score,
        "attributes": dict(hit.attributes),
        "content": [{"type": "text", "text": chunk.text}],
        "fairlead": {
            "chunk_id": chunk.id,
            "vector_store_id": hit.store_id,
            "title": chunk.title or None,
            "headings": list(chunk.headings),
            "page": chunk.page,
            "position": chunk.position,
            "keyword": _leg(hit.keyword),
            "vector": _leg(hit.vector),
            **why,
        },
    }


def _leg(leg: LegScore | None) -> dict[str, Any] | None:
    return None if leg is None else {"rank": leg.rank, "score": leg.score}


def _counts(counts: FileCounts) -> dict[str, int]:
    return {
        "in_progress": counts.in_progress,
        "completed": counts.completed,
        "failed": counts.failed,
        "cancelled": counts.cancelled,
        "total": counts.total,
    }


def _chunking(strategy: Mapping[str, Any] | None) -> dict[str, Any]:
    """OpenAI calls `other` what is neither given in its own terms nor known to it: here, the automatic strategy."""
    return {"type": "other"} if strategy is None else dict(strategy)
