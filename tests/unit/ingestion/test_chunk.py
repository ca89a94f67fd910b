"""Passages: nothing is lost, the order is kept, limits hold, and structure is respected where there is room for it."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.chunk import ChunkOptions, Passage, Strategy, chunk
from ingestion.document import Block, BlockKind, Document, assemble
from ingestion.tokens import Tokens, tokenizer_file

WINDOW = 256
DEFAULT = ChunkOptions(size=256, overlap=0, window=WINDOW)
TOKENS = Tokens(tokenizer_file(None))

words = st.text(alphabet=st.sampled_from("abcdeéß漢字😀.,-!? \n"), min_size=1, max_size=12)
texts = st.one_of(
    st.lists(words, min_size=1, max_size=60).map(" ".join),
    st.integers(1, 1500).map(lambda n: "x" * n),
    st.integers(1, 120).map(lambda n: "The rope is checked. " * n),
)
kinds: st.SearchStrategy[BlockKind] = st.sampled_from(["paragraph", "list", "term", "code", "table"])


@st.composite
def blocks(draw: st.DrawFn) -> list[Block]:
    page = 1
    found: list[Block] = []
    for _ in range(draw(st.integers(1, 12))):
        page += draw(st.integers(0, 1))
        if draw(st.booleans()) and draw(st.booleans()):
            found.append(Block("heading", draw(words), draw(st.integers(1, 4)), page))
        elif draw(st.booleans()):
            found.append(Block(draw(kinds), draw(texts), 0, page))
        else:
            rows = draw(st.lists(st.integers(0, 10**9), min_size=1, max_size=120))
            lines = [f"{row} | berth {row % 7}" for row in rows]
            found.append(
                Block("table", "\n".join(["tonnes | where", *lines]), 0, page, 1, tuple(range(2, len(rows) + 2)))
            )
    return found


options = st.builds(
    ChunkOptions,
    size=st.sampled_from([64, 256, 800]),
    overlap=st.sampled_from([0, 16]),
    window=st.just(WINDOW),
    context=st.booleans(),
    strategy=st.sampled_from(["auto", "static", "sentence"]),
    sentences=st.integers(1, 5),
    sentence_overlap=st.integers(0, 2),
)


def passages(document: Document, options: ChunkOptions = DEFAULT) -> list[Passage]:
    return chunk(document, TOKENS, options)


@settings(max_examples=150, deadline=None)
@given(blocks(), options)
def test_no_text_is_lost_and_the_order_is_kept(parts: list[Block], how: ChunkOptions) -> None:
    document = assemble(parts)
    found = passages(document, how)
    covered: set[int] = set()
    for passage in found:
        assert passage.text[passage.lead :] == document.text[passage.start : passage.end]
        assert passage.text[: passage.lead] in {"", "tonnes | where\n"}
        covered.update(range(passage.start, passage.end))
    starts = [passage.start for passage in found]
    assert starts == sorted(starts)
    if not how.overlap and not (how.strategy == "sentence" and how.sentence_overlap):
        assert all(one.end <= other.start for one, other in pairwise(found))
    heard = {heading for passage in found for heading in (*passage.headings, document.title)}
    for span in document.spans:
        missing = [at for at in range(span.start, span.end) if at not in covered and not document.text[at].isspace()]
        assert not missing or span.block.text in heard


@settings(max_examples=150, deadline=None)
@given(blocks(), options)
def test_limits_hold(parts: list[Block], how: ChunkOptions) -> None:
    for passage in passages(assemble(parts), how):
        (count,) = TOKENS.count([passage.text])
        assert count == passage.tokens <= how.size
        assert passage.windows
        for window in TOKENS.count(passage.windows):
            assert window + TOKENS.special <= WINDOW


@settings(max_examples=100, deadline=None)
@given(blocks())
def test_the_windows_of_a_passage_hold_all_of_it(parts: list[Block]) -> None:
    for passage in passages(assemble(parts), ChunkOptions(800, 0, 64, context=False)):
        assert "".join("".join(passage.windows).split()) == "".join(passage.text.split())


def test_sections_are_not_mixed_when_they_can_stand_alone() -> None:
    long = "Mooring lines are inspected before every season. " * 8
    document = assemble([Block("heading", "Lines", 1), Block("paragraph", long)] * 2)
    assert [passage.headings for passage in passages(document)] == [(), ()]
    assert [passage.text.count("season") for passage in passages(document)] == [8, 8]


def test_headings_lead_to_a_passage_without_the_title() -> None:
    long = "Mooring lines are inspected before every season. " * 8
    headings = [Block("heading", "Handbook", 1), Block("heading", "Lines", 2), Block("heading", "Wear", 3)]
    document = assemble([*headings, Block("paragraph", long)])
    (passage,) = passages(document)
    assert passage.headings == ("Lines", "Wear")
    assert passage.windows[0].startswith("Handbook › Lines › Wear\nMooring")
    assert passage.text.startswith("Mooring")


def test_small_sections_are_joined_with_the_headings_between_them() -> None:
    bight = [Block("heading", "Bight", 2), Block("paragraph", "A slack part of a rope.")]
    end = [Block("heading", "Bitter end", 2), Block("paragraph", "The last part of a rope.")]
    document = assemble([Block("heading", "Terms", 1), *bight, *end])
    (passage,) = passages(document)
    assert passage.text == "Bight\n\nA slack part of a rope.\n\nBitter end\n\nThe last part of a rope."


def test_a_passage_ends_with_its_page() -> None:
    long = "Mooring lines are inspected before every season. " * 8
    document = assemble([Block("paragraph", long, 0, 1), Block("paragraph", long, 0, 2)], pages=2)
    assert [(passage.page, passage.page_end) for passage in passages(document)] == [(1, 1), (2, 2)]


def test_a_term_goes_with_what_it_introduces() -> None:
    filler = "Mooring lines are inspected before every season. " * 24
    document = assemble([Block("paragraph", filler), Block("term", "bollard"), Block("paragraph", filler[:600])])
    assert [passage.text.startswith("bollard") for passage in passages(document)] == [False, True]


def test_rows_of_a_long_table_stay_whole() -> None:
    rows = [f"Berth {n} | {n * 3} m | {n * 7}.50 a night" for n in range(1, 60)]
    found = passages(assemble([Block("table", "\n".join(rows))]))
    assert len(found) > 1
    assert [row for passage in found for row in passage.text.split("\n")] == rows


def test_overlap_repeats_whole_sentences_of_the_passage_before() -> None:
    text = " ".join(f"Sentence {n} tells of rope and of line." for n in range(60))
    found = passages(assemble([Block("paragraph", text)]), ChunkOptions(128, 24, WINDOW))
    for before, after in pairwise(found):
        assert before.start < after.start < before.end
        assert after.text.startswith("Sentence")


@pytest.mark.parametrize("context", ["word " * 500, "x" * 3000])
def test_an_endless_title_leaves_room_for_the_text(context: str) -> None:
    document = assemble([Block("heading", context, 1), Block("heading", context, 2), Block("paragraph", "Text.")])
    (passage,) = passages(document)
    (tokens,) = TOKENS.count([passage.windows[0]])
    assert tokens + TOKENS.special <= WINDOW
    assert passage.windows[0].endswith("\nText.")


ROWS = ["berth | length | fee", *(f"quay {n} | {n * 10} metres | {n * 3} crowns" for n in range(2, 202))]
TABLE = assemble([Block("table", "\n".join(ROWS), header=1, rows=tuple(range(2, 202)))])


@pytest.mark.parametrize("strategy", ["auto", "static", "sentence"])
def test_rows_that_are_cut_off_keep_the_names_of_their_columns(strategy: Strategy) -> None:
    found = passages(TABLE, ChunkOptions(128, 0, WINDOW, strategy=strategy, sentences=4))
    assert len(found) > 5
    for passage in found:
        assert passage.text.startswith(ROWS[0])
        assert passage.text.count(ROWS[0]) == 1


def test_a_passage_knows_its_rows() -> None:
    found = passages(TABLE, ChunkOptions(128, 0, WINDOW))
    for passage in found:
        assert passage.rows is not None
        first, last = passage.rows
        lines = passage.text.split("\n")[1:]
        assert [line.split(" | ")[0] for line in lines] == [f"quay {row}" for row in range(first, last + 1)]
    assert found[0].rows and found[0].rows[0] == 2 and found[-1].rows and found[-1].rows[1] == 201


def test_static_passages_are_filled_over_the_ends_of_sections() -> None:
    parts = [part for n in range(9) for part in (Block("heading", f"Rule {n}", 2), Block("paragraph", "Mind the gap."))]
    found = passages(assemble(parts, title="Rules"), ChunkOptions(100, 0, WINDOW, strategy="static"))
    assert len(found) < len(passages(assemble(parts, title="Rules"), ChunkOptions(100, 0, WINDOW)))
    assert "Rule 0\n\nMind the gap.\n\nRule 1" in found[0].text


def test_sentences_come_a_few_at_a_time_and_overlap() -> None:
    document = assemble([Block("paragraph", " ".join(f"This is sentence {n}." for n in range(7)))])
    how = ChunkOptions(256, 0, WINDOW, strategy="sentence", sentences=3, sentence_overlap=1)
    firsts = [passage.text.split(". ")[0].rstrip(".") for passage in passages(document, how)]
    assert firsts == ["This is sentence 0", "This is sentence 2", "This is sentence 4"]
