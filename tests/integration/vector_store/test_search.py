"""How the Postgres engine finds: real BM25, indexes under row-level security, exact and graph search agree."""

import math
import random
from collections import Counter

import numpy as np
import psycopg
import pytest

from common.postgres import Pool, tenant_transaction
from conftest import Database
from integration.vector_store.shelf import NORTH, READER, SERVICE, Shelf, passage
from vector_store import postgres_search
from vector_store.models import Chunk, EmbeddingSpace, SearchRequest

WORDS = ["harbour", "quay", "berth", "pilot", "anchor", "tide", "mast", "rope", "buoy", "crane", "dock", "keel"]
WIDE = EmbeddingSpace("wide", "1", 32)


def bm25(texts: list[list[str]], query: list[str], k1: float = 1.2, b: float = 0.75) -> list[float]:
    """The textbook's formula, with Lucene's idf, over texts of single-form words."""
    average = sum(map(len, texts)) / len(texts)
    scores = [0.0] * len(texts)
    for word in query:
        containing = sum(word in text for text in texts)
        idf = math.log(1 + (len(texts) - containing + 0.5) / (containing + 0.5))
        for i, text in enumerate(texts):
            occurs = Counter(text)[word]
            scores[i] += idf * occurs * (k1 + 1) / (occurs + k1 * (1 - b + b * len(text) / average))
    return scores


async def test_keyword_scores_are_bm25(shelf: Shelf) -> None:
    rng = random.Random(7)
    texts = [rng.choices(WORDS, weights=range(1, 13), k=rng.randint(1, 60)) for _ in range(60)]
    texts.append(["rope"] * 40 + ["mast"])
    store = await shelf.store()
    await shelf.put(store, *(passage(" ".join(text)) for text in texts))
    for query in (["rope"], ["harbour", "keel"], ["mast", "buoy", "crane", "tide"]):
        expected = dict(zip((" ".join(text) for text in texts), bm25(texts, query), strict=True))
        hits = (await shelf.search(store, " ".join(query), top_k=61)).hits
        assert len(hits) == sum(score > 0 for score in expected.values())
        for hit in hits:
            assert hit.keyword is not None
            assert hit.keyword.score == pytest.approx(expected[hit.chunk.text], rel=1e-5)


async def test_the_inverted_index_answers_under_row_level_security(
    shelf: Shelf, pool: Pool, database: Database
) -> None:
    store = await shelf.store()
    await shelf.put(store, *(passage(f"{WORDS[i % 12]} number{i}") for i in range(2000)))
    with psycopg.connect(database.superuser_url, autocommit=True) as conn:
        conn.execute("VACUUM ANALYZE chunk_terms")
    async with tenant_transaction(pool, READER.tenant) as conn:
        found = await postgres_search.search(conn, READER, SearchRequest((store,), "number77"))
        assert [hit.chunk.text for hit in found.hits] == [f"{WORDS[77 % 12]} number77"]
        read = await conn.execute(
            "SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'chunk_terms'"
        )
        scans, passages_read = await read.fetchone() or (None, None)
    assert scans == 0
    assert passages_read is not None and passages_read < 10


async def test_no_search_is_compiled(shelf: Shelf, pool: Pool) -> None:
    """The costs that steer the planner to the inverted index are far above those at which PostgreSQL compiles."""
    store = await shelf.store()
    await shelf.put(store, passage("harbour", NORTH))
    async with tenant_transaction(pool, READER.tenant) as conn:
        await conn.execute("SET LOCAL jit = on")
        await postgres_search.search(conn, READER, SearchRequest((store,), "harbour"))
        assert await (await conn.execute("SHOW jit")).fetchone() == ("off",)


async def test_a_filter_that_leaves_less_than_the_words_finds_by_them(shelf: Shelf) -> None:
    """Then every passage left is looked at, by the rarest words alone when it is not few."""
    store = await shelf.store()
    for n in range(12):
        texts = (f"harbour berth {n * 300 + i}" for i in range(300))
        await shelf.put(store, *(passage(text) for text in texts), attributes={"n": n})
    half = {"type": "lt", "key": "n", "value": 6}
    assert (await shelf.found(store, "harbour berth 1777", filters=half))[0] == "harbour berth 1777"
    assert (await shelf.found(store, "harbour berth 1777 3000", NORTH, filters=half))[0] == "harbour berth 1777"
    assert len(await shelf.found(store, "harbour berth", filters=half)) == 10


@pytest.fixture
def small_exact_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores of more than 100 vectors are searched through the graph index."""
    monkeypatch.setattr(postgres_search, "EXACT_ROWS", 100)
    monkeypatch.setattr(postgres_search, "GRAPH_STEP", 0)


async def wide_store(shelf: Shelf, count: int = 1000) -> tuple[str, np.ndarray]:
    """A store of `count` passages of random directions in files of ten, numbered by the attribute n."""
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(count, WIDE.dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store = await shelf.store()
    for start in range(0, count, 10):
        file = await shelf.attach(store, attributes={"n": start // 10})
        chunks = [Chunk(str(i), vectors[i : i + 1]) for i in range(start, start + 10)]
        await shelf.write(store, file, chunks, space=WIDE)
    return store, vectors


@pytest.mark.usefixtures("small_exact_search")
async def test_the_graph_finds_what_exact_search_finds(shelf: Shelf) -> None:
    store, vectors = await wide_store(shelf)
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(20):
        query = rng.normal(size=WIDE.dimension).astype(np.float32)
        best = {str(i) for i in np.argsort(-(vectors @ query))[:10]}
        result = await shelf.engine.search(READER, SearchRequest((store,), "", query, WIDE))
        found += len(best & {hit.chunk.text for hit in result.hits})
    assert found >= 190


@pytest.mark.usefixtures("small_exact_search")
async def test_a_filter_on_the_graph_loses_no_hit(shelf: Shelf) -> None:
    store, vectors = await wide_store(shelf)
    query = vectors[5]
    some = {"type": "gte", "key": "n", "value": 85}  # the last 150 passages of 1000
    result = await shelf.engine.search(READER, SearchRequest((store,), "", query, WIDE, filters=some))
    best = [str(i) for i in 850 + np.argsort(-(vectors[850:] @ query))[:10]]
    assert len({hit.chunk.text for hit in result.hits} & set(best)) >= 9


@pytest.mark.usefixtures("small_exact_search")
async def test_a_small_store_is_found_beside_a_large_one_of_the_same_space(shelf: Shelf) -> None:
    _, vectors = await wide_store(shelf)
    small = await shelf.store("small")
    file = await shelf.attach(small)
    far = [Chunk(f"far {i}", -vectors[i : i + 1]) for i in range(150)]
    await shelf.write(small, file, far, space=WIDE)
    result = await shelf.engine.search(READER, SearchRequest((small,), "", vectors[0], WIDE, top_k=20))
    assert len(result.hits) == 20


@pytest.mark.usefixtures("small_exact_search")
async def test_a_graph_that_gives_up_loses_no_vector_though_words_are_found(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As beside a store so large that all its neighbours lie there; found words must not pass for found vectors."""
    store, vectors = await wide_store(shelf, 150)
    file = await shelf.attach(store)
    await shelf.write(store, file, [Chunk(f"harbour {i}", -vectors[i : i + 1]) for i in range(60)], space=WIDE)
    nearest = postgres_search._Statement._nearest  # pyright: ignore[reportPrivateUsage]

    def gives_up(statement: postgres_search._Statement) -> str:  # pyright: ignore[reportPrivateUsage]
        return f"SELECT * FROM ({nearest(statement)}) AS found LIMIT {0 if statement.walks_graph else 1000}"

    monkeypatch.setattr(postgres_search._Statement, "_nearest", gives_up)  # pyright: ignore[reportPrivateUsage]
    result = await shelf.engine.search(READER, SearchRequest((store,), "harbour", vectors[5], WIDE))
    assert result.hits[0].chunk.text == "5"


async def test_a_word_of_another_store_is_not_looked_at(shelf: Shelf) -> None:
    first, second = await shelf.store("first"), await shelf.store("second")
    await shelf.put(first, *(passage(f"harbour {i}") for i in range(20)))
    await shelf.put(second, passage("harbour master"), passage("quay"))
    hit = (await shelf.search(second, "harbour")).hits[0]
    assert hit.keyword is not None
    assert hit.keyword.score == pytest.approx(bm25([["harbour", "master"], ["quay"]], ["harbour"])[0], rel=1e-5)


async def test_a_long_query_asks_by_its_rarest_words(shelf: Shelf) -> None:
    store = await shelf.store()
    await shelf.put(store, *(passage(f"common{i % 40} rare{i}") for i in range(400)))
    query = " ".join(f"common{i}" for i in range(40)) + " rare123"
    assert (await shelf.found(store, query))[0] == "common3 rare123"


async def test_searching_keeps_a_store_from_expiring(shelf: Shelf, database: Database) -> None:
    store = (await shelf.catalog.create_store(SERVICE, "short-lived", expires_after_days=1)).id
    await shelf.put(store, passage("harbour", NORTH))
    with psycopg.connect(database.owner_url, autocommit=True) as conn:
        conn.execute("UPDATE stores SET last_active_at = now() - interval '23 hours'")
    assert await shelf.found(store, "harbour") == ["harbour"]
    used = await shelf.catalog.get_store(READER, store)
    assert used.expires_at is not None and used.expires_at > used.created_at + 86_000


async def test_what_is_quoted_counts_for_more_where_it_stands_word_for_word(shelf: Shelf) -> None:
    store = await shelf.store()
    apart = "The tide turns late. The crew waits for the pilot, and the pilot waits for the tide."
    await shelf.put(store, passage(apart), passage("As they say, the tide waits for nobody."))
    plain = await shelf.search(store, "the tide waits pilot")
    assert plain.hits[0].chunk.text == apart
    quoted = await shelf.search(store, '"the tide waits" pilot')
    assert [hit.phrase for hit in quoted.hits] == [True, False]
    assert quoted.hits[0].chunk.text == "As they say, the tide waits for nobody."


async def test_an_identifier_is_found_whole_among_its_parts(shelf: Shelf) -> None:
    store = await shelf.store()
    parts = [passage(f"Part {n} of series 4012: err on the safe side.") for n in range(80)]
    await shelf.put(store, *parts, passage("ERR-4012 means that the pump has run dry. Part 7."))
    result = await shelf.search(store, "part err-4012", explain=True)
    assert result.hits[0].chunk.text.startswith("ERR-4012 means")
    assert result.hits[0].phrase
    assert set(result.hits[0].matched) == {"err", "-4012", "part"}
    assert all(hit.matched and not hit.phrase for hit in result.hits[1:])


async def test_a_phrase_finds_nothing_of_other_tenants_stores_or_filtered_files(shelf: Shelf) -> None:
    store, other = await shelf.store(), await shelf.store("other")
    await shelf.put(store, passage("low water at noon"), attributes={"year": 1})
    await shelf.put(other, passage("low water at noon"))
    assert len(await shelf.found(store, '"low water"')) == 1
    assert await shelf.found(store, '"low water"', filters={"type": "eq", "key": "year", "value": 2}) == []
