"""After fusion: two opinions blended, old documents lowered, one document kept from filling the list."""

from typing import Any

import pytest

from common.pool_client import PoolUnavailable
from orchestrator.pipeline.ranking import Ranking, aged, blended, relevances, spread, written_at
from orchestrator.tunables import OrchestratorTunables
from vector_store.models import Hit, StoredChunk

DAY_S = 86_400.0
NOW = 1_800_000_000.0


def hit(name: str, score: float, file_id: str = "", **attributes: Any) -> Hit:
    chunk = StoredChunk(name, file_id or name, 0, name, "", (), None, None, 1, {})
    return Hit(chunk, "vs_1", f"{name}.txt", attributes, score, None, None)


def names(hits: tuple[Hit, ...]) -> list[str]:
    return [each.chunk.id for each in hits]


def test_a_blend_lies_between_its_opinions_and_keeps_agreement() -> None:
    assert 0.5 < blended(0.5, 0.9, 0.5) < 0.9
    assert blended(0.3, 0.3, 0.7) == pytest.approx(0.3)
    assert blended(0.2, 0.9, 1.0) == pytest.approx(0.9)


def test_a_reranker_without_probabilities_gives_log_odds() -> None:
    given = {"results": [{"index": 1, "relevance_score": 4.0}, {"index": 0, "relevance_score": -900}]}
    found = relevances(given, 2)
    assert found[1] == pytest.approx(0.982, abs=0.001)
    assert 0 <= found[0] < 1e-9


@pytest.mark.parametrize(
    "reply",
    [
        {"results": [{"index": 2, "relevance_score": 0.5}]},
        {"results": [{"index": 0, "relevance_score": float("nan")}]},
        {"results": [{"index": 0}]},
        {"data": []},
    ],
)
def test_a_reply_of_another_shape_is_the_pools_fault(reply: dict[str, Any]) -> None:
    with pytest.raises(PoolUnavailable):
        relevances(reply, 2)


def test_age_lowers_a_score_by_its_weight_at_most() -> None:
    tunables = OrchestratorTunables(recency_half_life_days=10, recency_weight=0.4)
    dates = {"new": NOW, "old": NOW - 10 * DAY_S, "ancient": NOW - 10_000 * DAY_S}
    found = aged([*(hit(name, 0.5, date=at) for name, at in dates.items()), hit("undated", 0.45)], tunables, NOW)
    assert names(found) == ["new", "undated", "old", "ancient"]
    assert [each.score for each in found] == pytest.approx([0.5, 0.45, 0.5 * 0.8, 0.5 * 0.6])


def test_dates_are_seconds_or_iso_8601() -> None:
    assert written_at("2027-01-15T08:00:00Z") == written_at(1_800_000_000) == 1_800_000_000.0
    assert written_at("2027-01-15") == 1_799_971_200.0
    assert written_at("last spring") is None
    assert written_at(True) is None
    assert written_at(None) is None


def test_no_more_passages_of_one_document_than_wanted() -> None:
    hits = [hit("a1", 0.9, "a"), hit("a2", 0.8, "a"), hit("b1", 0.7, "b"), hit("a3", 0.6, "a")]
    assert names(spread(hits, 1)) == ["a1", "b1"]
    assert names(spread(hits, 2)) == ["a1", "a2", "b1"]


def test_what_is_fetched_leaves_enough_and_the_threshold_holds_after_all() -> None:
    shipped = OrchestratorTunables()
    assert Ranking(6, False, 0.3, shipped).fetched == 6
    assert Ranking(6, False, 0.3, shipped).fetched_from == 0.3
    assert Ranking(6, True, 0.3, shipped).fetched == shipped.rerank_candidates
    assert Ranking(6, True, 0.3, shipped).fetched_from == 0, "a reranker may think better of a passage"
    one_each = shipped.model_copy(update={"most_per_document": 1})
    assert Ranking(6, False, 0.0, one_each).fetched == 24
    hits = [hit("a1", 0.9, "a"), hit("a2", 0.8, "a"), hit("b1", 0.2, "b")]
    assert names(Ranking(6, False, 0.3, one_each).settled(hits, NOW)) == ["a1"]
    assert names(Ranking(1, False, 0.0, one_each).settled(hits, NOW)) == ["a1"]
