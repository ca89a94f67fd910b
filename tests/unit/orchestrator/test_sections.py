"""Passages read with their sections: the text of the document itself, nothing twice, and no more than there is room."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.chunk import ChunkOptions, chunk
from ingestion.document import Block, Document, assemble
from ingestion.tokens import Tokens, tokenizer_file
from orchestrator.pipeline.passages import Passage, fitting_sections
from orchestrator.pipeline.sections import sections
from vector_store.errors import NotFoundError
from vector_store.models import Hit, Scope, StoredChunk

TOKENS = Tokens(tokenizer_file(None))
SCOPE = Scope("harbour", ())
SENTENCES = [f"Sentence number {n} is about berth {n % 7}." for n in range(60)]


@dataclass
class Shelf:
    """What `sections` needs of a store: the chunks of one file by position."""

    chunks: Sequence[StoredChunk]
    gone: bool = False

    async def read(
        self, scope: Scope, store_id: str, file_id: str, *, first: int = 0, last: int | None = None
    ) -> list[StoredChunk]:
        if self.gone:
            raise NotFoundError("vector store file", file_id)
        return [one for one in self.chunks if first <= one.position <= (last or 0)]


def stored(document: Document, how: ChunkOptions) -> list[StoredChunk]:
    return [
        StoredChunk(
            f"chunk_{n}", "file-1", n, found.text, "", found.headings, found.page, found.page_end, found.tokens,
            {"start": found.start, "end": found.end, "lead": found.lead},
        )
        for n, found in enumerate(chunk(document, TOKENS, how))
    ]  # fmt: skip


def hit(of: StoredChunk) -> Hit:
    return Hit(of, "vs_1", "rules.pdf", {}, 0.9, None, None)


async def expanded(shelf: Shelf, *found: StoredChunk, longest: int = 3000, room: int = 12_000) -> tuple[Passage, ...]:
    read = await sections(shelf, SCOPE, [hit(one) for one in found], longest, room)  # type: ignore[arg-type]
    return fitting_sections(read, room)


RULES = assemble(
    [
        Block("heading", "Mooring", 1, 1),
        *(Block("paragraph", sentence, 0, 1 + n // 30) for n, sentence in enumerate(SENTENCES)),
        Block("heading", "Fishing", 1, 3),
        Block("paragraph", "Fishing is forbidden inside the harbour.", 0, 3),
    ],
    title="Rules",
)
SMALL = ChunkOptions(64, 0, 256, context=False)


async def test_a_passage_grows_to_its_section_and_not_beyond() -> None:
    chunks = stored(RULES, SMALL)
    (passage,) = await expanded(Shelf(chunks), chunks[2], longest=50_000, room=50_000)
    assert all(sentence in passage.text for sentence in SENTENCES)
    assert "Fishing" not in passage.text
    assert passage.chunk_id == chunks[2].id


async def test_it_grows_no_further_than_allowed() -> None:
    chunks = stored(RULES, SMALL)
    (passage,) = await expanded(Shelf(chunks), chunks[4], longest=600)
    assert len(chunks[4].text) < len(passage.text) <= 600
    assert chunks[4].text in passage.text


async def test_no_text_comes_twice_and_every_hit_is_still_there() -> None:
    chunks = stored(RULES, SMALL)
    passages = await expanded(Shelf(chunks), chunks[4], chunks[5], chunks[-1], chunks[9], longest=900)
    together = "\n".join(passage.text for passage in passages)
    assert all(together.count(sentence) <= 1 for sentence in SENTENCES)
    for found in (chunks[4], chunks[5], chunks[-1], chunks[9]):
        assert found.text in together
    assert [passage.number for passage in passages] == list(range(1, len(passages) + 1))


async def test_growing_pushes_no_hit_out_of_the_prompt() -> None:
    chunks = stored(RULES, SMALL)
    found = [chunks[0], chunks[5], chunks[-1]]
    room = sum(len(one.text) for one in found) + 20
    assert len(await expanded(Shelf(chunks), *found, room=room)) == 3


async def test_a_quotation_knows_its_page() -> None:
    chunks = stored(RULES, SMALL)
    (passage,) = await expanded(Shelf(chunks), chunks[1], longest=50_000, room=50_000)
    assert passage.page_of(SENTENCES[2]) == 1
    assert passage.page_of(SENTENCES[45]) == 2
    assert replace(passage, pages=()).page_of("anything") == 1


async def test_a_file_that_was_replaced_meanwhile_keeps_what_was_found() -> None:
    chunks = stored(RULES, SMALL)
    other = [replace(one, id=f"new_{one.position}") for one in chunks]
    for shelf in (Shelf(other), Shelf(chunks, gone=True)):
        (passage,) = await expanded(shelf, chunks[3])
        assert passage.text == chunks[3].text


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 60),
    st.sampled_from(["auto", "static", "sentence"]),
    st.sampled_from([0, 16]),
    st.integers(0, 2),
    st.booleans(),
)
async def test_a_grown_passage_is_the_text_of_the_document(
    rows: int, strategy: str, overlap: int, repeated: int, table: bool
) -> None:
    if table:
        lines = ["berth | fee", *(f"quay {n} | {n * 3} crowns" for n in range(rows))]
        block = Block("table", "\n".join(lines), header=1)
    else:
        block = Block("paragraph", " ".join(SENTENCES[:rows]))
    document = assemble([block])
    how = ChunkOptions(64, overlap, 256, strategy=strategy, sentences=3, sentence_overlap=repeated)  # type: ignore[arg-type]
    chunks = stored(document, how)
    if len(chunks) > 24:
        return
    (passage,) = await expanded(Shelf(chunks), chunks[len(chunks) // 2], longest=100_000, room=100_000)
    assert passage.text.split() == document.text.split()
