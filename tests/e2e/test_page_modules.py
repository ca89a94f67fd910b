"""The page's own parsers, run in the browser: event streams cut anywhere, any Markdown, quotations in passages."""

import json

import pytest
from playwright.async_api import Page

STREAM = (
    '\ufeffdata: {"a": 1}\n\n: keep-alive\n\nevent: x\r\nid: 7\r\ndata: one\r\ndata:two\r\n\r\n'
    "data\r\rdata: [DONE]\n\ndata: lost"
)
EVENTS = ['{"a": 1}', "one\ntwo", "", "[DONE]"]


async def parsed(page: Page, pieces: list[str]) -> list[str]:
    script = """async (pieces) => {
        const { EventParser } = await import("/web/core/event_stream.js");
        const parser = new EventParser();
        return pieces.flatMap((piece) => parser.push(piece));
    }"""
    return await page.evaluate(script, pieces)


async def test_events_are_the_same_however_the_stream_is_cut(modules: Page) -> None:
    script = """async ({ stream }) => {
        const { EventParser } = await import("/web/core/event_stream.js");
        const results = [];
        for (let first = 0; first <= stream.length; first += 1) {
            for (let second = first; second <= stream.length; second += 1) {
                const parser = new EventParser();
                const pieces = [stream.slice(0, first), stream.slice(first, second), stream.slice(second)];
                results.push(JSON.stringify(pieces.flatMap((piece) => parser.push(piece))));
            }
        }
        return [...new Set(results)];
    }"""
    results: list[str] = await modules.evaluate(script, {"stream": STREAM})
    assert [json.loads(result) for result in results] == [EVENTS]
    assert await parsed(modules, list(STREAM)) == EVENTS


async def markdown(page: Page, text: str) -> str:
    """The answer's HTML as the page draws it, a citation mark as `(1)`."""
    script = """async (text) => {
        const { MarkdownView } = await import("/web/core/markdown_view.js");
        const box = document.createElement("div");
        new MarkdownView(box, (index) => document.createTextNode(`(${index})`)).update(text);
        for (const node of box.querySelectorAll("*")) {
            for (const name of ["dir", "rel", "target", "title", "role", "tabindex", "aria-label", "class", "scope"]) {
                node.removeAttribute(name);
            }
        }
        return box.innerHTML;
    }"""
    return await page.evaluate(script, text)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("One.\nStill one.\n\nTwo.", "<p>One.\nStill one.</p><p>Two.</p>"),
        (
            "a **b** *c* _d_ __e__ `f`",
            "<p>a <strong>b</strong> <em>c</em> <em>d</em> <strong>e</strong> <code>f</code></p>",
        ),
        ("2 * 3 * 4 and snake_case_name", "<p>2 * 3 * 4 and snake_case_name</p>"),
        ("an open ** and ` and [", "<p>an open ** and ` and [</p>"),
        ("**bold *and* more**", "<p><strong>bold <em>and</em> more</strong></p>"),
        (r"\*not\* and `a\b`", r"<p>*not* and <code>a\b</code></p>"),
        ("``a `tick` b``", "<p><code>a `tick` b</code></p>"),
        ("See [1], [2][3] and [4, 5].", "<p>See (1), (2)(3) and (4)(5).</p>"),
        ("`array[1]` and [1](http://x.org)", '<p><code>array[1]</code> and <a href="http://x.org">1</a></p>'),
        ("**Strong [1]**", "<p><strong>Strong (1)</strong></p>"),
        ("https://a.org/x_y[1].", '<p><a href="https://a.org/x_y">https://a.org/x_y</a>(1).</p>'),
        ("# One\n### Three #", "<h3>One</h3><h3>Three</h3>"),
        (
            "- a\n- b\n  - c\n- d",
            "<ul><li><div>a</div></li><li><div>b</div><ul><li><div>c</div></li></ul></li><li><div>d</div></li></ul>",
        ),
        ("3. c\n4. d", '<ol start="3"><li><div>c</div></li><li><div>d</div></li></ol>'),
        ("1. a\n\n   b\n\n2. c", '<ol start="1"><li><div>a</div><div>b</div></li><li><div>c</div></li></ol>'),
        ("Text\n- a\n\nText", "<p>Text</p><ul><li><div>a</div></li></ul><p>Text</p>"),
        ("- a\n1. b", '<ul><li><div>a</div></li></ul><ol start="1"><li><div>b</div></li></ol>'),
        ("> q\n> r\n\nx", "<blockquote><p>q\nr</p></blockquote><p>x</p>"),
        ("a\n\n---\n\nb", "<p>a</p><hr><p>b</p>"),
        ("```py\nx = [1]\n```\nEnd", "<div><pre><code>x = [1]</code></pre></div><p>End</p>"),
        ("```\nnot closed\n\nyet", "<div><pre><code>not closed\n\nyet</code></pre></div>"),
        (
            "|a|b|\n|-|:-:|\n|1|`2`|\n|3|4|5|",
            "<div><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td><code>2</code></td></tr>"
            "<tr><td>3</td><td>4</td></tr></tbody></table></div>",
        ),
        ("a | b\nno table", "<p>a | b\nno table</p>"),
        ("", ""),
    ],
)
async def test_markdown(modules: Page, text: str, html: str) -> None:
    assert await markdown(modules, text) == html


@pytest.mark.parametrize(
    "text",
    [
        "> " * 5000,
        "- " * 5000,
        "*" * 20_000,
        "[" * 20_000,
        "`" * 9999 + " " + "`" * 9998,
        "**a " * 10_000,
        "_a*" * 10_000,
        "|" * 10_000 + "\n" + "|-" * 5000,
        "\n".join(" " * n + "- x" for n in range(300)),
        "http://" * 5000,
        "[a](" * 5000,
    ],
    ids=lambda text: text[:6].strip() or "deep list",
)
async def test_hostile_markdown_is_drawn_and_loses_no_letter(modules: Page, text: str) -> None:
    html = await markdown(modules, text)
    letters = sum(char.isalnum() for char in text)
    shown = await modules.evaluate(
        """async (text) => {
            const { MarkdownView } = await import("/web/core/markdown_view.js");
            const box = document.createElement("div");
            new MarkdownView(box, () => document.createTextNode("")).update(text);
            return box.textContent;
        }""",
        text,
    )
    assert html is not None
    assert sum(char.isalnum() for char in shown) == letters


async def test_growing_text_ends_as_if_drawn_at_once(modules: Page) -> None:
    text = "# Plan\n\nFirst **bold** [1].\n\n- a\n- b\n  - c\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\n```\ncode\n```\nEnd."
    script = """async (text) => {
        const { MarkdownView } = await import("/web/core/markdown_view.js");
        const cite = (index) => document.createTextNode(`(${index})`);
        const boxes = [document.createElement("div"), document.createElement("div")];
        const grown = new MarkdownView(boxes[0], cite);
        for (let end = 0; end <= text.length; end += 1) grown.update(text.slice(0, end));
        new MarkdownView(boxes[1], cite).update(text);
        return boxes.map((box) => box.outerHTML);
    }"""
    grown, at_once = await modules.evaluate(script, text)
    assert grown == at_once


async def located(page: Page, quote: str, passage: str) -> str | None:
    script = """async ([quote, passage]) => {
        const { locate } = await import("/web/chat/quote.js");
        const place = locate(quote, passage);
        return place && passage.slice(place.start, place.end);
    }"""
    return await page.evaluate(script, [quote, passage])


@pytest.mark.parametrize(
    ("quote", "passage", "found"),
    [
        ("moor at the east quay", "Ships moor at the east quay.", "moor at the east quay"),
        ("moor at the east quay", "Ships moor at\n   the  east\tquay.", "moor at\n   the  east\tquay"),
        ('the harbour\'s "edge" - here', "At the harbour’s “edge” – here.", "the harbour’s “edge” – here"),
        ("co-operation", "Full co‑operation.", "co‑operation"),
        ("cooperation", "Full co\u00adoperation.", "co\u00adoperation"),
        ("SHIPS MOOR", "Ships moor.", "Ships moor"),
        ("Ships moor at…", "When ships moor at night.", "ships moor at"),
        ("İstanbul harbour", "In İstanbul harbour.", "İstanbul harbour"),
        ("🚢 leaves", "The 🚢 leaves.", "🚢 leaves"),
        ("not there", "Ships moor.", None),
        ("", "Ships moor.", None),
        ("…", "Ships moor.", None),
    ],
)
async def test_a_quotation_is_found_in_its_passage(modules: Page, quote: str, passage: str, found: str | None) -> None:
    assert await located(modules, quote, passage) == found


async def test_line_breaks_of_an_old_page_width_go_and_offsets_hold(modules: Page) -> None:
    passage = "4.2 Mooring\n\nOn arrival the master reports to the harbour office on\nchannel 12.\n- one\n- two"
    script = "async (text) => (await import('/web/chat/quote.js')).reflowed(text)"
    reflowed: str = await modules.evaluate(script, passage)
    assert reflowed == passage.replace("on\nchannel", "on channel")
