"""HTML: the main content in reading order, without what surrounds it."""

import pytest

from ingestion.extract.html import extract
from unit.ingestion.outline import outline


def read(body: str, head: str = "") -> list[str]:
    return outline(extract(f"<html><head>{head}</head><body>{body}</body></html>".encode()))


def test_headings_paragraphs_and_entities() -> None:
    body = "<h1>Ropes &amp; lines</h1><p>Nylon\n  <b>stretch</b>es&nbsp;by 30&#8239;%.</p><h2>Care</h2>Rinse it."
    assert read(body) == [
        "heading1: Ropes & lines",
        "paragraph: Nylon stretches by 30 %.",
        "heading2: Care",
        "paragraph: Rinse it.",
    ]


def test_navigation_and_furniture_are_left_out() -> None:
    body = """
    <header><a href="/">Home</a> <a href="/shop">Shop</a></header>
    <nav><ul><li><a href="/a">Chapter A</a></li><li><a href="/b">Chapter B</a></li></ul></nav>
    <div class="sidebar"><a href="/c">Related</a></div>
    <main><h1>Rules</h1><p>Speed in the harbour is limited to four knots for all vessels under power.</p></main>
    <footer>Copyright 2024</footer><script>track()</script>"""
    rule = "Speed in the harbour is limited to four knots for all vessels under power."
    assert read(body) == ["heading1: Rules", f"paragraph: {rule}"]


def test_without_landmarks_navigation_goes_by_name_and_links() -> None:
    body = """
    <div class="navheader"><table><tr><td><a href="p">Prev</a></td><td>Chapter 5</td></tr></table></div>
    <div class="toc"><ul><li><a href="#a">One</a></li><li><a href="#b">Two</a></li></ul></div>
    <div class="table-contents"><table>
    <tr><th>Berth</th><th>Depth</th></tr><tr><td>A1</td><td>3 m</td></tr></table></div>
    <div class="section"><p>Depths are given at the lowest astronomical tide and change after every storm.</p></div>
    <div id="comments-policy">Comments are welcome at the harbour office on weekdays, also by radio.</div>"""
    assert read(body) == [
        "table: Berth | Depth\nA1 | 3 m",
        "paragraph: Depths are given at the lowest astronomical tide and change after every storm.",
        "paragraph: Comments are welcome at the harbour office on weekdays, also by radio.",
    ]


def test_a_page_of_links_keeps_them() -> None:
    body = "<h1>Index</h1><ul>" + "".join(f'<li><a href="{n}">Topic {n}</a></li>' for n in range(3)) + "</ul>"
    assert read(body) == ["heading1: Index", "list: - Topic 0", "list: - Topic 1", "list: - Topic 2"]


def test_lists_keep_their_marks_and_depth() -> None:
    body = "<ol><li>Fenders<ul><li>fore</li><li>aft</li></ul></li><li><p>Lines</p><p>Spring lines last.</p></li></ol>"
    assert read(body) == [
        "list: 1. Fenders",
        "list:   - fore",
        "list:   - aft",
        "list: 2. Lines",
        "list:   Spring lines last.",
    ]


def test_code_keeps_its_lines() -> None:
    assert read("<pre>def moor():\n    return <b>'fast'</b>\n</pre>") == ["code: def moor():\n    return 'fast'"]
    assert read("<pre>one<br>two</pre>") == ["code: one\ntwo"]


def test_tables_are_rows_of_cells() -> None:
    blank = "<tr><td></td></tr>"
    rows = f"<tr><th>Length</th><th>Price</th></tr><tr><td><p>up to 8&nbsp;m</p></td><td>18.50</td></tr>{blank}"
    assert read(f"<table><caption>Prices</caption>{rows}</table>") == [
        "table: Prices\nLength | Price\nup to 8 m | 18.50"
    ]


def test_a_table_around_a_note_is_not_data() -> None:
    note = "<table><tr><td rowspan=2><img src=n.png></td><th>Note</th></tr><tr><td>Mind the tide.</td></tr></table>"
    assert read(note) == ["term: Note", "paragraph: Mind the tide."]


def test_definitions_and_signatures() -> None:
    terms = "<dl><dt>bight</dt><dd>A slack part of a rope.</dd></dl>"
    assert read(terms) == ["term: bight", "paragraph: A slack part of a rope."]
    api = '<dl><dt class="sig">moor(line)<a class="headerlink" href="#m">¶</a></dt><dd><p>Make fast.</p></dd></dl>'
    assert read(api) == ["heading7: moor(line)", "paragraph: Make fast."]


def test_powers_and_footnote_marks() -> None:
    body = '<p>A load of 10<sup>3</sup> kg<sup><a href="#f1">1</a></sup> and the 5<sup>th</sup> line.</p>'
    assert read(body)[0].startswith("paragraph: A load of 10^3 kg and the 5")


def test_invisible_text_is_left_out() -> None:
    body = '<p>Seen.</p><p style="display: none">Hid.</p><p hidden>Hid.</p><template>Hid.</template><!-- Hid. -->'
    assert read(body) == ["paragraph: Seen."]


@pytest.mark.parametrize(
    ("head", "body", "title"),
    [
        ("<title>Site — Page</title>", "<h1>Page</h1><p>Text.</p>", "Page"),
        ("<title>Only title</title>", "<p>Text.</p>", "Only title"),
        ("", "<h2>Second level</h2><p>Text.</p>", "Second level"),
    ],
)
def test_the_title(head: str, body: str, title: str) -> None:
    page = f"<html><head>{head}</head><body>{body}</body></html>"
    assert extract(page.encode()).title == title


def test_text_behind_left_out_elements_is_kept() -> None:
    assert read("<p>Before <script>x</script>between <button>Press</button>after</p>") == [
        "paragraph: Before between after"
    ]


def test_broken_markup_is_read_as_a_browser_would() -> None:
    assert read("<p>One<p>Two<li>Three</b></div>") == ["paragraph: One", "paragraph: Two", "paragraph: Three"]
