"""Groups are checked inside the index query: each leg, the exact scan and the graph, whatever a caller asks for."""

import itertools

import numpy as np
import pytest

from integration.vector_store.shelf import SERVICE, Shelf
from vector_store import postgres_search
from vector_store.models import Chunk, EmbeddingSpace, Scope, SearchRequest

WIDE = EmbeddingSpace("wide", "1", 32)
GROUPS = ("pilots", "masters", "cooks")


@pytest.fixture(params=["exact", "graph"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """By which way the vectors are looked through."""
    if request.param == "graph":
        monkeypatch.setattr(postgres_search, "EXACT_ROWS", 20)
        monkeypatch.setattr(postgres_search, "GRAPH_STEP", 0)
    return request.param


def groups_of(number: int) -> tuple[str, ...]:
    """Every mixture of groups, the empty one included."""
    mixtures = [m for size in range(4) for m in itertools.combinations(GROUPS, size)]
    return mixtures[number % len(mixtures)]


@pytest.mark.parametrize("legs", ["keyword", "vector", "both"])
async def test_no_passage_of_a_group_is_found_by_others(
    shelf: Shelf, path: str, legs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(160, WIDE.dimension)).astype(np.float32)
    store = await shelf.store()
    allowed: dict[str, tuple[str, ...]] = {}
    for number in range(80):
        file = await shelf.attach(store, groups=groups_of(number), attributes={"even": number % 2 == 0})
        allowed[file] = groups_of(number)
        pair = [Chunk(f"harbour {number} {half}", vectors[2 * number + half][None, :]) for half in (0, 1)]
        await shelf.write(store, file, pair, space=WIDE)
    walked = 0
    walks = postgres_search._Statement.walks_graph.fget  # pyright: ignore[reportPrivateUsage]
    assert walks is not None

    def counted(statement: postgres_search._Statement) -> bool:  # pyright: ignore[reportPrivateUsage]
        nonlocal walked
        found = walks(statement)
        walked += found
        return found

    monkeypatch.setattr(postgres_search._Statement, "walks_graph", property(counted))  # pyright: ignore
    even = {"type": "eq", "key": "even", "value": True}
    for own in [m for size in range(4) for m in itertools.combinations(GROUPS, size)]:
        for filters in (None, even):
            request = SearchRequest(
                (store,),
                "harbour" if legs != "vector" else "",
                vectors[7] if legs != "keyword" else None,
                WIDE if legs != "keyword" else None,
                top_k=200,
                candidates=200,
                filters=filters,
            )
            hits = (await shelf.engine.search(Scope("harbour", own), request)).hits
            seen = {hit.chunk.file_id for hit in hits}
            visible = {file for file, groups in allowed.items() if not groups or set(groups) & set(own)}
            if filters:
                visible &= {file for number, file in enumerate(allowed) if number % 2 == 0}
            assert seen == visible, (own, filters)
    everything = (
        await shelf.engine.search(SERVICE, SearchRequest((store,), "harbour", top_k=200, candidates=200))
    ).hits
    assert len(everything) == 160
    assert bool(walked) == (path == "graph" and legs != "keyword")
