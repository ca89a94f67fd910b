"""Markdown and plain text: structure as their authors meant it."""

from ingestion.extract import markdown, plain
from unit.ingestion.outline import outline

MARKDOWN = """# Knots

The *bowline* makes a [loop](http://x).
It holds.

## Steps

1. Make a small loop
2. Pass `the end`
   - up
   - around

```
tie(bowline)
  pull
```

| Knot | Use |
|---|---|
| Bowline | loop |

> Never trust a knot you have not seen.
"""


def test_markdown_structure() -> None:
    assert outline(markdown.extract(MARKDOWN.encode())) == [
        "heading1: Knots",
        "paragraph: The bowline makes a loop. It holds.",
        "heading2: Steps",
        "list: 1. Make a small loop",
        "list: 2. Pass the end",
        "list:   - up",
        "list:   - around",
        "code: tie(bowline)\n  pull",
        "table: Knot | Use\nBowline | loop",
        "paragraph: Never trust a knot you have not seen.",
    ]


def test_front_matter_gives_the_title() -> None:
    document = markdown.extract(b"---\ntitle: Harbour rules\ntags: [a]\n---\n# Something else\n\nText.\n")
    assert document.title == "Harbour rules"
    assert outline(document)[0] == "heading1: Something else"


def test_broken_front_matter_is_not_a_failure() -> None:
    assert markdown.extract(b"---\n: [\n---\nText.\n").text == "Text."


def test_html_in_markdown_loses_its_tags() -> None:
    text = b"<div>Text <b>bold</b></div>\n\nA line<br>break.\n"
    assert outline(markdown.extract(text)) == ["paragraph: Text bold", "paragraph: A line\nbreak."]


WRAPPED = """All vessels entering the harbour must reduce their speed to four knots
before passing the outer mole, and keep to the starboard side of the
fairway.

Harbour Office
Quay 3
Port Ellis
"""


def test_wrapped_lines_are_one_paragraph_and_addresses_are_not() -> None:
    paragraph, lines = outline(plain.extract(WRAPPED.encode()))
    assert paragraph.count("\n") == 0 and "fairway." in paragraph
    assert lines == "paragraph: Harbour Office\nQuay 3\nPort Ellis"


HEADED = """Harbour rules
=============

Speed
-----

Four knots at most.

2. Mooring

Use two lines at the bow and two at the stern, and springs in strong wind.
"""


def test_underlined_and_numbered_headings() -> None:
    assert outline(plain.extract(HEADED.encode())) == [
        "heading1: Harbour rules",
        "heading2: Speed",
        "paragraph: Four knots at most.",
        "heading1: 2. Mooring",
        "paragraph: Use two lines at the bow and two at the stern, and springs in strong wind.",
    ]


def test_items_of_a_list_are_not_headings() -> None:
    text = "Bring:\n\n1. Two fenders\n\n2. Four lines\n\n3. A boat hook\n"
    assert [line.split(":")[0] for line in outline(plain.extract(text.encode()))] == [
        "paragraph",
        "list",
        "list",
        "list",
    ]


def test_wrapped_list_items_and_columns() -> None:
    items = "- one item that goes on\n  in a second line\n- another\n"
    columns = "Berth   Depth   Price\nA1      3 m     18.50\nA2      4 m     22.00\n"
    assert outline(plain.extract(f"{items}\n{columns}".encode())) == [
        "list: - one item that goes on in a second line",
        "list: - another",
        "table: Berth   Depth   Price\nA1      3 m     18.50\nA2      4 m     22.00",
    ]


def test_line_ends_of_every_system() -> None:
    for end in ("\n", "\r\n", "\r"):
        assert plain.extract(f"One.{end}{end}Two.{end}".encode()).text == "One.\n\nTwo."
