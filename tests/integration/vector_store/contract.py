"""What every chunk engine promises. An engine's tests inherit this class and provide the fixture `shelf`."""

import numpy as np
import pytest

from integration.vector_store.shelf import EAST, NORTH, READER, SERVICE, SOUTH, SPACE, WEST, Shelf, passage, toward
from vector_store.errors import ConflictError, InvalidError, NotFoundError, SpaceMismatchError
from vector_store.models import Chunk, Counts, EmbeddingSpace, Scope, SearchRequest

OTHER_SPACE = EmbeddingSpace("compass", "2", 4)


class ChunkStoreContract:
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

    @pytest.mark.parametrize("text", ["", "the of", "xylophone", "' \\ & | ! :* <-> ()", "\x00", "🚢", "a" * 100_000])
    async def test_no_text_breaks_a_search(self, shelf: Shelf, text: str) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("harbour", NORTH))
        assert await shelf.found(store, text) == []

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

    # -- who may see what

    async def test_another_tenant_sees_nothing(self, shelf: Shelf) -> None:
        store = await shelf.store()
        file = await shelf.put(store, passage("harbour", NORTH))
        stranger = Scope("elsewhere", None)
        for attempt in (
            shelf.search(store, "harbour", scope=stranger),
            shelf.engine.read(stranger, store, file),
            shelf.engine.count(stranger, store),
            shelf.engine.delete(stranger, store, file),
            shelf.engine.write(stranger, store, file, [], space=SPACE, fingerprint="x"),
        ):
            with pytest.raises(NotFoundError):
                await attempt
        assert await shelf.found(store, "harbour") == ["harbour"]

    async def test_a_document_of_a_group_is_seen_by_its_members_only(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("open harbour", NORTH))
        secret = await shelf.put(store, passage("secret harbour", NORTH), groups=("pilots", "masters"))
        for scope, seen in (
            (Scope("harbour", ()), {"open harbour"}),
            (Scope("harbour", ("cooks",)), {"open harbour"}),
            (Scope("harbour", ("cooks", "pilots")), {"open harbour", "secret harbour"}),
            (SERVICE, {"open harbour", "secret harbour"}),
        ):
            assert set(await shelf.found(store, "harbour", NORTH, scope=scope)) == seen
            assert set(await shelf.found(store, "harbour", scope=scope)) == seen
        with pytest.raises(NotFoundError):
            await shelf.engine.read(READER, store, secret)

    async def test_a_reader_of_no_document_finds_nothing(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("secret harbour", NORTH), groups=("pilots",))
        assert await shelf.found(store, "harbour", NORTH) == []
        assert await shelf.found(store, "harbour") == []

    # -- filters

    async def test_a_filter_chooses_by_attributes(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("harbour of 1874", NORTH), attributes={"year": 1874, "kind": "port"})
        await shelf.put(store, passage("harbour of 1920", NORTH), attributes={"year": 1920, "kind": "port"})
        await shelf.put(store, passage("harbour of no year", NORTH))
        early = {"type": "lt", "key": "year", "value": 1900}
        ports = {"type": "and", "filters": [{"type": "eq", "key": "kind", "value": "port"}, early]}
        for vector in (NORTH, None):
            assert await shelf.found(store, "harbour", vector, filters=early) == ["harbour of 1874"]
            assert await shelf.found(store, "harbour", vector, filters=ports) == ["harbour of 1874"]
            assert (
                await shelf.found(store, "harbour", vector, filters={"type": "gt", "key": "year", "value": 3e3}) == []
            )

    async def test_a_changed_attribute_filters_at_once(self, shelf: Shelf) -> None:
        store = await shelf.store()
        file = await shelf.put(store, passage("harbour", NORTH), attributes={"state": "draft"})
        final = {"type": "eq", "key": "state", "value": "final"}
        assert await shelf.found(store, "harbour", NORTH, filters=final) == []
        await shelf.catalog.set_attributes(SERVICE, store, file, {"state": "final"})
        assert await shelf.found(store, "harbour", NORTH, filters=final) == ["harbour"]

    async def test_a_bad_filter_is_refused_with_its_place(self, shelf: Shelf) -> None:
        store = await shelf.store()
        with pytest.raises(InvalidError) as refused:
            await shelf.found(store, "harbour", filters={"type": "or", "filters": [{"type": "eq", "key": "a"}]})
        assert refused.value.param == "filters.filters[0].value"

    # -- writing

    async def test_a_write_replaces_what_the_file_had(self, shelf: Shelf) -> None:
        store = await shelf.store()
        file = await shelf.put(store, passage("old harbour", NORTH), passage("old quay", EAST))
        await shelf.write(store, file, [passage("new lighthouse", SOUTH)])
        assert await shelf.found(store, "harbour quay") == []
        assert await shelf.found(store, "", NORTH) == ["new lighthouse"]
        assert await shelf.engine.count(READER, store) == Counts(1, 1, 1)

    async def test_what_is_written_is_read_back_in_order(self, shelf: Shelf) -> None:
        store = await shelf.store()
        texts = [f"passage {i}" for i in range(1200)]
        file = await shelf.put(store, *(passage(text, NORTH) for text in texts))
        chunks = await shelf.engine.read(READER, store, file)
        assert [chunk.text for chunk in chunks] == texts
        assert [chunk.position for chunk in chunks] == list(range(1200))
        assert len({chunk.id for chunk in chunks}) == 1200

    async def test_text_that_cannot_be_stored_loses_only_those_characters(self, shelf: Shelf) -> None:
        store = await shelf.store()
        chunk = Chunk("har\x00bour \ud800", np.array([NORTH]), title="a\x00b", metadata={"k": "c\x00d"})
        file = await shelf.put(store, chunk)
        read = (await shelf.engine.read(READER, store, file))[0]
        assert (read.text, read.title, read.metadata) == ("harbour ?", "ab", {"k": "cd"})

    async def test_a_deleted_file_is_found_no_more(self, shelf: Shelf) -> None:
        store = await shelf.store()
        file = await shelf.put(store, passage("harbour", NORTH), passage("quay", EAST))
        await shelf.put(store, passage("harbour dues", NORTH))
        assert await shelf.engine.delete(SERVICE, store, file) == 2
        assert await shelf.found(store, "harbour", NORTH) == ["harbour dues"]
        assert await shelf.engine.delete(SERVICE, store, file) == 0

    async def test_a_file_no_longer_attached_is_not_written(self, shelf: Shelf) -> None:
        store = await shelf.store()
        file = await shelf.attach(store)
        await shelf.catalog.detach(SERVICE, store, file)
        with pytest.raises(NotFoundError):
            await shelf.write(store, file, [passage("harbour", NORTH)])

    async def test_a_cancelled_file_is_not_written(self, shelf: Shelf) -> None:
        store = await shelf.store()
        file = await shelf.attach(store)
        await shelf.catalog.set_status(SERVICE, store, file, "cancelled")
        with pytest.raises(ConflictError):
            await shelf.write(store, file, [passage("harbour", NORTH)])

    async def test_a_written_file_is_completed(self, shelf: Shelf) -> None:
        store = await shelf.store()
        file = await shelf.attach(store)
        assert (await shelf.catalog.get_store_file(READER, store, file)).status == "in_progress"
        await shelf.write(store, file, [passage("harbour", NORTH)])
        attached = await shelf.catalog.get_store_file(READER, store, file)
        assert (attached.status, attached.fingerprint, attached.chunk_count) == ("completed", "written", 1)
        assert attached.usage_bytes == len("harbour") + 4 * 2

    @pytest.mark.parametrize(
        "bad", [np.array([[1, 0, 0]]), np.array([[np.nan, 0, 0, 0]]), np.array([[np.inf, 0, 0, 0]])]
    )
    async def test_a_vector_that_does_not_fit_is_refused_and_changes_nothing(
        self, shelf: Shelf, bad: np.ndarray
    ) -> None:
        store = await shelf.store()
        file = await shelf.put(store, passage("harbour", NORTH))
        with pytest.raises(InvalidError):
            await shelf.write(store, file, [passage("quay", EAST), Chunk("bad", np.array([bad], np.float32))])
        assert await shelf.found(store, "harbour", NORTH) == ["harbour"]

    # -- embedding spaces

    async def test_two_spaces_never_mix_in_a_store(self, shelf: Shelf) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("harbour", NORTH))
        file = await shelf.attach(store)
        with pytest.raises(SpaceMismatchError, match="compass@1"):
            await shelf.write(store, file, [passage("quay", NORTH)], space=OTHER_SPACE)
        with pytest.raises(SpaceMismatchError):
            await shelf.search(store, "harbour", NORTH, space=OTHER_SPACE)
        assert (await shelf.catalog.get_store(READER, store)).space == SPACE

    async def test_stores_of_different_spaces_live_side_by_side(self, shelf: Shelf) -> None:
        ours, theirs = await shelf.store("ours"), await shelf.store("theirs")
        await shelf.put(ours, passage("harbour", NORTH))
        file = await shelf.attach(theirs)
        wide = EmbeddingSpace("globe", "1", 6)
        await shelf.write(theirs, file, [Chunk("sea", np.eye(6, dtype=np.float32)[:1])], space=wide)
        assert await shelf.found(ours, "", NORTH) == ["harbour"]
        assert await shelf.found(theirs, "sea") == ["sea"]

    # -- the request

    @pytest.mark.parametrize(
        ("param", "value"),
        [("top_k", 0), ("candidates", 0), ("candidates", 100_000), ("keyword_weight", 1.5), ("rrf_k", 0)],
    )
    async def test_a_request_out_of_range_is_refused_by_name(self, shelf: Shelf, param: str, value: float) -> None:
        store = await shelf.store()
        with pytest.raises(InvalidError) as refused:
            await shelf.search(store, "harbour", **{param: value})
        assert refused.value.param == param

    async def test_an_unknown_store_is_named(self, shelf: Shelf) -> None:
        with pytest.raises(NotFoundError, match="vs_nothing"):
            await shelf.search("vs_nothing", "harbour")

    async def test_the_snapshot_changes_with_the_content_and_only_then(self, shelf: Shelf) -> None:
        store = await shelf.store()
        file = await shelf.put(store, passage("harbour", NORTH))
        first = (await shelf.search(store, "harbour")).snapshot
        assert (await shelf.search(store, "quay", NORTH)).snapshot == first
        await shelf.write(store, file, [passage("harbour", EAST)])
        second = (await shelf.search(store, "harbour")).snapshot
        assert second != first
        await shelf.engine.delete(SERVICE, store, file)
        assert (await shelf.search(store, "harbour")).snapshot not in (first, second)

    async def test_everything_agrees_after_all_kinds_of_change(self, shelf: Shelf) -> None:
        store = await shelf.store()
        assert await shelf.engine.verify(SERVICE, store) == []
        kept = await shelf.put(store, passage("harbour master", NORTH, EAST), passage("quay", WEST))
        gone = await shelf.put(store, passage("harbour dues", NORTH))
        await shelf.write(store, kept, [passage("lighthouse", SOUTH), passage("harbour", NORTH)])
        await shelf.engine.delete(SERVICE, store, gone)
        assert await shelf.engine.verify(SERVICE, store) == []
        assert await shelf.engine.count(SERVICE, store) == Counts(1, 2, 2)
