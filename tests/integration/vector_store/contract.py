"""What every chunk engine promises. An engine's tests inherit this class and provide the fixture `shelf`."""

import numpy as np
import pytest

from integration.vector_store.contract_finding import FindingContract
from integration.vector_store.shelf import EAST, NORTH, READER, SERVICE, SOUTH, SPACE, WEST, Shelf, passage
from vector_store.errors import ConflictError, InvalidError, NotFoundError, SpaceMismatchError
from vector_store.models import Chunk, Counts, EmbeddingSpace, Scope

OTHER_SPACE = EmbeddingSpace("compass", "2", 4)


class ChunkStoreContract(FindingContract):
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
        few = await shelf.engine.read(READER, store, file, first=1190, last=1193)
        assert [chunk.text for chunk in few] == texts[1190:1194]
        assert await shelf.engine.read(READER, store, file, first=5000, last=6000) == []

    async def test_text_that_cannot_be_stored_loses_only_those_characters(self, shelf: Shelf) -> None:
        store = await shelf.store()
        chunk = Chunk("har\x00bour \ud800", np.array([NORTH]), title="a\x00b", metadata={"k": "c\x00d"})
        file = await shelf.put(store, chunk)
        read = (await shelf.engine.read(READER, store, file))[0]
        assert (read.text, read.title, read.metadata) == ("harbour ?", "ab", {"k": "cd"})

    async def test_a_chunk_with_too_many_words_is_refused_and_changes_nothing(self, shelf: Shelf) -> None:
        store = await shelf.store()
        file = await shelf.put(store, passage("harbour", NORTH))
        endless = " ".join(f"word{i}" for i in range(120_000))
        with pytest.raises(InvalidError, match="more words than can be indexed"):
            await shelf.write(store, file, [passage(endless, NORTH)])
        assert await shelf.found(store, "harbour", NORTH) == ["harbour"]

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
        [
            ("top_k", 0),
            ("top_k", 501),
            ("candidates", 0),
            ("candidates", 100_000),
            ("keyword_weight", 1.5),
            ("rrf_k", 0),
        ],
    )
    async def test_a_request_out_of_range_is_refused_by_name(self, shelf: Shelf, param: str, value: float) -> None:
        store = await shelf.store()
        with pytest.raises(InvalidError) as refused:
            await shelf.search(store, "harbour", **{param: value})
        assert refused.value.param == param

    @pytest.mark.parametrize("request_", [{"candidates": 1000}, {"top_k": 500}, {"rrf_k": 1000, "fusion": "rrf"}])
    async def test_a_request_at_its_limits_is_answered(self, shelf: Shelf, request_: dict[str, object]) -> None:
        store = await shelf.store()
        await shelf.put(store, passage("harbour", NORTH))
        assert await shelf.found(store, "harbour", NORTH, **request_) == ["harbour"]

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
