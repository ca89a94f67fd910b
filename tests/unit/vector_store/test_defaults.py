"""What the store ships is what can be tuned: the same defaults, and no setting that it would refuse."""

from annotated_types import Le

from orchestrator.tunables import OrchestratorTunables
from vector_store import models, search_plan
from vector_store.models import SearchRequest


def test_the_platform_searches_with_the_defaults_that_are_measured() -> None:
    tunables, request = OrchestratorTunables(), SearchRequest((), "")
    for name in ("candidates", "fusion", "keyword_weight", "rrf_k", "score_threshold"):
        assert getattr(tunables, name) == getattr(request, name), name
    assert request.keyword_weight == models.DEFAULT_KEYWORD_WEIGHT


def test_every_setting_in_range_can_be_searched_with() -> None:
    limits = {
        "top_k": search_plan.MAX_TOP_K,
        "rerank_candidates": search_plan.MAX_TOP_K,
        "candidates": search_plan.MAX_CANDIDATES,
        "rrf_k": search_plan.MAX_RRF_K,
    }
    for name, limit in limits.items():
        (highest,) = (rule.le for rule in OrchestratorTunables.model_fields[name].metadata if isinstance(rule, Le))
        assert int(str(highest)) <= limit, name
