"""Passages of every kind cut into what can be quoted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_models.sentences import pieces


def cut(passage: str) -> list[tuple[str, str]]:
    return [(piece.kind, passage[piece.start : piece.end]) for piece in pieces(passage)]


def texts(passage: str) -> list[str]:
    return [text for _, text in cut(passage)]


@pytest.mark.parametrize(
    ("passage", "expected"),
    [
        ("One line. Two lines! Three? Four…", ["One line.", "Two lines!", "Three?", "Four…"]),
        (
            "Dr. Okafor met Mr. Lee at 3 p.m. today. They left.",
            ["Dr. Okafor met Mr. Lee at 3 p.m. today.", "They left."],
        ),
        (
            "See fig. 3 and no. 5, e.g. the U.S. Navy. It works.",
            ["See fig. 3 and no. 5, e.g. the U.S. Navy.", "It works."],
        ),
        ("Is it safe? He said no. Then he left.", ["Is it safe?", "He said no.", "Then he left."]),
        ("It costs 3.50 euros. Version 2.1 is out.", ["It costs 3.50 euros.", "Version 2.1 is out."]),
        ("“Let go!” he called. “Now.” She did.", ["“Let go!” he called.", "“Now.”", "She did."]),
        ("Das kostet ca. 5 Euro, z.B. im Hafen. Es ist so.", ["Das kostet ca. 5 Euro, z.B. im Hafen.", "Es ist so."]),
        ("¿Dónde está? Aquí está. ¡Bien!", ["¿Dónde está?", "Aquí está.", "¡Bien!"]),
        ("Где якорь? Он здесь. Хорошо.", ["Где якорь?", "Он здесь.", "Хорошо."]),
        ("船は港にある。錨はどこ？ここだ！", ["船は港にある。", "錨はどこ？", "ここだ！"]),
        ("他说：“好。”然后走了。", ["他说：“好。”", "然后走了。"]),
        ("A sentence that was wrapped at the end\nof its line goes on. Next.", None),
    ],
)
def test_sentences_end_where_a_reader_ends_them(passage: str, expected: list[str] | None) -> None:
    assert texts(passage) == (expected or ["A sentence that was wrapped at the end\nof its line goes on.", "Next."])


def test_a_list_is_cut_into_its_items_without_their_marks() -> None:
    passage = "Carry these:\n- four lines\n- two fenders, which are\n  tied on\n1. a knife\n"
    assert cut(passage)[1:] == [
        ("item", "four lines"),
        ("item", "two fenders, which are\n  tied on"),
        ("item", "a knife"),
    ]


def test_a_table_is_cut_into_its_rows() -> None:
    passage = "| Knot | Strength |\n|---|---|\n| Bowline | 60 % |\n| Reef knot | 45 % |"
    assert cut(passage) == [("row", "Knot | Strength"), ("row", "Bowline | 60 %"), ("row", "Reef knot | 45 %")]


@pytest.mark.parametrize("heading", ["# Anchoring", "## Setting the anchor", "Setting the anchor"])
def test_a_heading_is_known_as_one(heading: str) -> None:
    found = cut(f"{heading}\n\nStop the boat. Lower the anchor.")
    assert found[0] == ("heading", heading.lstrip("# "))
    assert found[1:] == [("prose", "Stop the boat."), ("prose", "Lower the anchor.")]


@pytest.mark.parametrize(
    "code",
    [
        "import os\nfor name in os.listdir():\n    print(name)",
        ">>> 1 + 1\n2\n>>> max(1, 2)",
        "int main() {\n  return 0;\n}",
    ],
)
def test_code_is_one_piece_with_its_lines(code: str) -> None:
    assert cut(f"Some words before it.\n\n{code}\n\nSome words after it.") == [
        ("prose", "Some words before it."),
        ("code", code),
        ("prose", "Some words after it."),
    ]


def test_fenced_text_is_code_whatever_it_looks_like() -> None:
    assert cut("```\nThis looks. Like prose.\n```\nAnd this is prose.") == [
        ("code", "This looks. Like prose."),
        ("prose", "And this is prose."),
    ]


def test_long_code_is_quoted_by_its_lines() -> None:
    lines = [f"value_{number} = compute({number})" for number in range(50)]
    assert cut("```\n" + "\n".join(lines) + "\n```") == [("code", line) for line in lines]


@given(st.text(alphabet=st.sampled_from('ab A.!?。|-#`~\n\t 1)e.g"”(…:=;'), max_size=300) | st.text(max_size=300))
def test_pieces_are_in_order_and_lose_no_word(passage: str) -> None:
    end = 0
    left_out: list[str] = []
    for piece in pieces(passage):
        assert end <= piece.start < piece.end <= len(passage)
        assert passage[piece.start : piece.end] == passage[piece.start : piece.end].strip()
        left_out.append(passage[end : piece.start])
        end = piece.end
    left_out.append(passage[end:])
    for gap in left_out:
        # Between pieces there are only the marks of items, headings, fences and tables.
        assert all(len(word) <= 4 or not word.isalpha() for word in gap.split()), gap
