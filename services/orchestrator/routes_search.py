"""`/v1/vector_stores/{id}/search`: passages, without a model's answer."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field, PlainValidator

from common import exemplars, spending
from common.auth import CallerDep
from common.deadline import Deadline
from orchestrator import costs, shapes
from orchestrator.chat_request import Filters, Results
from orchestrator.resources import ResourcesDep
from orchestrator.scope import scope_of
from orchestrator.search import Search, Wanted
from orchestrator.wire import Body, Id, RankingOptions, is_text
from vector_store.audit_events import AuditEvent

router = APIRouter()

MOST_QUERIES = 10


def _queries(value: Any) -> tuple[str, ...]:
    """One query or several."""
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(query, str) for query in listed):
        raise ValueError("must be a text or a list of texts")
    if not 1 <= len(listed) <= MOST_QUERIES:
        raise ValueError(f"must be 1 to {MOST_QUERIES} queries")
    return tuple(is_text(query) for query in listed)


class OwnOptions(Body):
    """Fairlead's own options of a search."""

    explain: bool = False
    """Whether each hit says which words of the query it has."""


class SearchBody(Body):
    """What to search for."""

    query: Annotated[tuple[str, ...], PlainValidator(_queries)]
    filters: Filters | None = None
    max_num_results: Results = 10
    ranking_options: RankingOptions = Field(default_factory=RankingOptions)
    rewrite_query: bool = False
    fairlead: OwnOptions = Field(default_factory=OwnOptions)


@router.post("/v1/vector_stores/{vector_store_id}/search")
async def search_store(
    vector_store_id: Id, body: SearchBody, request: Request, caller: CallerDep, held: ResourcesDep
) -> dict[str, Any]:
    """The best passages of the store, with calibrated scores and how each leg saw them."""
    began = time.perf_counter()
    config = held.live.current
    deadline = Deadline.from_headers(request.headers, config.value.deadline_s)
    wanted = Wanted(
        store_id=vector_store_id,
        queries=body.query,
        top_k=body.max_num_results,
        filters=body.filters,
        score_threshold=body.ranking_options.score_threshold or 0.0,
        keyword_weight=body.ranking_options.keyword_weight("ranking_options"),
        rewrite=body.rewrite_query,
        rerank=body.ranking_options.reranks,
        explain=body.fairlead.explain,
    )
    tracing = held.parts.telemetry
    with tracing.root_span("search", request.headers, kind="RETRIEVER", tenant=caller.tenant) as span:
        exemplars.name_trace(span.trace_id)
        spent = spending.begin()
        span.set("fairlead.config_hash", config.hash)
        span.set("fairlead.tenant", caller.tenant)
        found = await Search(held.parts, caller, config.value, deadline).run(wanted, span)
        span.set("fairlead.degraded", list(found.degraded))
        costs.of_search(caller.tenant, config.value, spent)
        span.ok()
        trace_id = span.trace_id
    about = {"through": "search", "queries": len(body.query), "passages": len(found.hits)}
    event = AuditEvent.of(scope_of(caller), "store.search", store_id=vector_store_id, details=about)
    held.audit_writer.note(event)
    own = {
        "degraded": list(found.degraded),
        "legs": list(found.legs),
        "index_snapshot": found.snapshot,
        "config_hash": config.hash,
        "trace_id": trace_id,
        "search_ms": round((time.perf_counter() - began) * 1000, 2),
    }
    return shapes.search_results(found.queries, found.hits, own, explain=body.fairlead.explain)
