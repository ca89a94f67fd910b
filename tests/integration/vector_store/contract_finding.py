"""What every chunk engine promises of finding: words, vectors, both, and scores that mean something."""

import numpy as np
import pytest

from integration.vector_store.shelf import EAST, NORTH, READER, SOUTH, SPACE, WEST, Shelf, passage, toward
from vector_store.models import Chunk, SearchRequest


class FindingContract:
    # -- finding

    async def test_a_passage_is_found_by_its_words_alone(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("The bowline makes a loop.", NORTH), passage("Anchors hold the ship.", EAST))
        assert await shelf.found(store, "which knot makes loops?") == ["The bowline makes a loop."]
        assert await shelf.found(store, "anchored ships", NORTH, keyword_weight=1.0) == ["Anchors hold the ship."]

    async def test_a_passage_is_found_by_its_vector_alone(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("one", NORTH), passage("two", EAST))
        assert (await shelf.found(store, "", toward(EAST, NORTH, 0.1)))[0] == "two"

    async def test_both_legs_count_together(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(
            store,
            passage("harbour master", toward(NORTH, EAST, 0.5)),
            passage("harbour dues", WEST),
            passage("pilot boat", toward(NORTH, EAST, 0.4)),
        )
        result = await shelf.search(store, "harbour master", NORTH)
        assert result.legs == ("keyword", "vector")
        assert result.hits[0].chunk.text == "harbour master"
        assert {hit.chunk.text for hit in result.hits} == {"harbour master", "harbour dues", "pilot boat"}

    @pytest.mark.parametrize("fusion", ["normalised", "rrf"])
    async def test_every_hit_shows_what_each_leg_said(self, shelf: Shelf, fusion: str) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("harbour", NORTH), passage("quay", EAST))
        first = (await shelf.search(store, "harbour", NORTH, fusion=fusion)).hits[0]
        assert first.keyword is not None and first.keyword.rank == 1 and first.keyword.score > 0
        assert first.vector is not None and first.vector.rank == 1
        assert first.vector.score == pytest.approx(1.0, abs=1e-3)

    async def test_a_passage_counts_by_its_best_window_and_once(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("long", WEST, SOUTH, toward(NORTH, EAST, 0.1)), passage("short", EAST))
        result = await shelf.search(store, "", NORTH)
        assert [hit.chunk.text for hit in result.hits] == ["long", "short"]
        assert result.hits[0].vector is not None and result.hits[0].vector.score > 0.99

    async def test_a_passage_without_vectors_is_found_by_its_words(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("tide table"), passage("harbour", NORTH))
        assert "tide table" in await shelf.found(store, "tide", NORTH)

    async def test_title_and_headings_are_searched_too(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("Text of its own.", NORTH, title="Mooring"))
        chunk = Chunk("Another text.", np.array([EAST]), headings=("Berths", "Dues"))
        await shelf.put(store, chunk)
        assert await shelf.found(store, "mooring") == ["Text of its own."]
        assert await shelf.found(store, "dues") == ["Another text."]

    async def test_a_passage_is_found_by_what_is_known_of_its_file(self, shelf: Shelf) -> None:
        store = await shelf.store()
        chunk = Chunk("Text of its own.", np.array([NORTH]), metadata={"words": "Ada Lovelace harbour_fees-2024.pdf"})
        await shelf.put(store, chunk, passage("Another text.", EAST))
        assert await shelf.found(store, "Lovelace") == ["Text of its own."]
        assert await shelf.found(store, "harbour_fees-2024.pdf") == ["Text of its own."]
        assert (await shelf.search(store, "Lovelace")).hits[0].chunk.text == "Text of its own."

    @pytest.mark.parametrize(
        ("text", "query"),
        [
            ("船舶停靠在东码头，港口费用按吨位计算。", "港口费用"),
            ("船は東の岸壁に係留します。", "東の岸壁"),
            ("배는 동쪽 부두에 정박한다.", "부두"),
            ("ISO9001認証を取得しました。", "認証"),
        ],
    )
    async def test_a_part_of_a_text_without_spaces_is_found(self, shelf: Shelf, text: str, query: str) -> None:
        store = await shelf.store()
        file = await shelf.attach(store)
        await shelf.write(store, file, [passage(text, NORTH)], language="simple")
        await shelf.put(store, passage("Anchors hold the ship.", EAST), passage("锚固定船只。", EAST))
        assert await shelf.found(store, query) == [text]
        assert (await shelf.search(store, query)).hits[0].score > 0.5
        assert (await shelf.search(store, f'"{query}"')).hits[0].phrase

    async def test_words_are_stemmed_by_the_language_of_the_text(self, shelf: Shelf) -> None:
        store = await shelf.store()
        file = await shelf.attach(store)
        await shelf.write(store, file, [passage("Die Häfen waren geschlossen.", NORTH)], language="german")
        assert await shelf.found(store, "Hafen") == ["Die Häfen waren geschlossen."]

    async def test_a_query_of_stop_words_is_answered_by_vectors(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("harbour", NORTH))
        result = await shelf.search(store, "what is the", NORTH)
        assert result.legs == ("vector",)
        assert len(result.hits) == 1

    async def test_words_that_occur_nowhere_do_not_hide_what_vectors_find(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("harbour", NORTH))
        assert (await shelf.search(store, "xylophone", NORTH)).hits[0].score > 0.9

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "the of",
            "xylophone",
            "' \\ & | ! :* <-> ()",
            "o'clock \\' '; DROP TABLE chunks; --",
            "%s %(stores)s {files} $1",
            "\x00",
            "\ud800",
            "🚢",
            "a" * 100_000,
            " ".join(f"word{i}" for i in range(10_000)),
        ],
        ids=range(11),
    )
    async def test_no_text_breaks_a_search(self, shelf: Shelf, text: str) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("harbour", NORTH))
        assert await shelf.found(store, text) == []

    async def test_any_text_is_found_by_itself(self, shelf: Shelf) -> None:
        """Also words that hold the marks of the query language: the parser keeps paths and addresses whole."""
        store = await shelf.store()
        texts = [
            r"C:\ropes\o'clock\x",
            "/usr/o'x/b\\'c:*",
            "https://example.com/a'b?c=%s&d={e}",
            "e-mail o'neil@example.com",
            "ÅNGSTRÖM ﬁre",
            "港湾管理",
            "Ελλάδα",
            "b2b 12.5e-3 v1.2.3-rc4",
        ]
        await shelf.put(store, *(passage(text, NORTH) for text in texts))
        for text in texts:
            assert (await shelf.found(store, text))[:1] == [text]
            assert (await shelf.found(store, text, EAST))[:1] == [text]

    async def test_a_query_of_ten_thousand_words_finds_by_its_rarest(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(
            store, passage("lighthouse", NORTH), *(passage(f"harbour berth quay {i}", EAST) for i in range(9))
        )
        query = "harbour berth quay lighthouse " * 300
        assert (await shelf.found(store, query))[0] == "lighthouse"

    async def test_an_empty_store_answers_with_nothing(self, shelf: Shelf) -> None:
        assert await shelf.found(await shelf.store(), "harbour", NORTH) == []

    async def test_several_stores_are_searched_as_one(self, shelf: Shelf) -> None:
        first, second = await shelf.store("first"), await shelf.store("second")
        await shelf.put(first, passage("harbour dues", NORTH))
        await shelf.put(second, passage("harbour master", NORTH))
        result = await shelf.engine.search(READER, SearchRequest((first, second), "harbour", NORTH, SPACE))
        assert {(hit.store_id, hit.chunk.text) for hit in result.hits} == {
            (first, "harbour dues"),
            (second, "harbour master"),
        }

    async def test_a_hit_says_where_it_is_from(self, shelf: Shelf) -> None:
        store = await shelf.store()
        chunk = Chunk(
            'Quotes " and \\ and ’ and 🚢',
            np.array([NORTH]),
            title="Title",
            headings=('A "part"', "B"),
            page=3,
            page_end=4,
            tokens=7,
            metadata={"start": 10},
        )
        file = await shelf.put(store, chunk, name="harbour.pdf", attributes={"year": 1874})
        hit = (await shelf.search(store, "quotes")).hits[0]
        assert (hit.filename, hit.store_id, hit.chunk.file_id) == ("harbour.pdf", store, file)
        assert hit.attributes == {"year": 1874}
        assert (hit.chunk.text, hit.chunk.title, hit.chunk.headings) == (chunk.text, "Title", ('A "part"', "B"))
        assert (hit.chunk.page, hit.chunk.page_end, hit.chunk.tokens) == (3, 4, 7)
        assert hit.chunk.metadata == {"start": 10}

    # -- scores

    @pytest.mark.parametrize("fusion", ["normalised", "rrf"])
    async def test_scores_are_between_0_and_1_and_do_not_rise(self, shelf: Shelf, fusion: str) -> None:
        store = await shelf.store()
        texts = ("harbour master", "harbour", "master of the ship", "dues and the harbour of dues", "quay")
        for i, text in enumerate(texts):
            await shelf.put(store, passage(text, toward(NORTH, EAST, i / 5), toward(SOUTH, WEST, i / 7)))
        scores = [hit.score for hit in (await shelf.search(store, "harbour master", NORTH, fusion=fusion)).hits]
        assert len(scores) == 5
        assert all(0 <= score <= 1 for score in scores)
        assert scores == sorted(scores, reverse=True)

    async def test_a_score_does_not_depend_on_what_else_is_asked_for(self, shelf: Shelf) -> None:
        store = await shelf.store()
        for i in range(8):
            await shelf.put(store, passage(f"harbour {i}", toward(NORTH, EAST, i / 8)), attributes={"n": i})

        async def score(**request: object) -> float:
            hits = (await shelf.search(store, "harbour 3", NORTH, **request)).hits
            return next(hit.score for hit in hits if hit.chunk.text == "harbour 3")

        alone = await score(filters={"type": "eq", "key": "n", "value": 3})
        assert await score(top_k=8) == pytest.approx(alone)
        assert await score(top_k=8, candidates=200) == pytest.approx(alone)

    async def test_a_score_does_not_depend_on_what_else_is_in_the_store(self, shelf: Shelf) -> None:
        """Unlike scores scaled by the best hit: a much better passage beside it takes nothing away."""
        store = await shelf.store()
        await shelf.put(store, passage("harbour of rope", toward(NORTH, EAST, 0.4)))
        for i in range(40):
            await shelf.put(store, passage(f"quay {i}", WEST))

        async def score(fusion: str) -> float:
            hits = (await shelf.search(store, "harbour master", NORTH, fusion=fusion)).hits
            return next(hit.score for hit in hits if hit.chunk.text == "harbour of rope")

        before = {fusion: await score(fusion) for fusion in ("normalised", "rrf")}
        assert before["normalised"] == before["rrf"], "a score means the same whatever orders the hits"
        await shelf.put(store, passage("mountains", SOUTH))
        assert await score("normalised") == pytest.approx(before["normalised"], abs=0.02)
        await shelf.put(store, passage("quay of the harbour master", NORTH))
        assert await score("normalised") == pytest.approx(before["normalised"], abs=0.1)

    async def test_a_second_language_in_a_store_takes_nothing_from_a_score(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(
            store, passage("The ships were running.", NORTH), *(passage(f"quay {i}", EAST) for i in range(30))
        )

        async def score() -> float:
            return (await shelf.search(store, "are the ships running?", keyword_weight=1.0)).hits[0].score

        before = await score()
        file = await shelf.attach(store)
        await shelf.write(store, file, [passage("Die Häfen waren geschlossen.", SOUTH)], language="german")
        assert before > 0.8
        assert await score() == pytest.approx(before, abs=0.02)

    async def test_a_threshold_cuts_what_scores_less(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("harbour", NORTH), passage("mountain", SOUTH))
        assert len(await shelf.found(store, "harbour", NORTH)) == 2
        assert await shelf.found(store, "harbour", NORTH, score_threshold=0.5) == ["harbour"]

    async def test_no_more_than_top_k_are_returned(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, *(passage(f"harbour {i}", NORTH) for i in range(30)))
        assert len(await shelf.found(store, "harbour", NORTH, top_k=7)) == 7
        assert len(await shelf.found(store, "harbour", NORTH, top_k=30, candidates=5)) == 30
