"""Everyone can use the page: axe finds nothing, the keyboard reaches everything, a screen reader hears answers once."""

from importlib.resources import files
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Page, expect

from e2e.questions import ask, ask_and_wait
from fakes import passages
from fakes.orchestrator import Answer, Failure, FakeOrchestrator, Gate, StoredFile

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RICH = (
    "# Mooring\n\nShips moor at the **east quay** [1], `quay 4` [2].\n\n- one [3]\n- two\n\n> quoted\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode that is long enough to scroll " + "sideways " * 20 + "\n```\n"
)
LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitän" * 8
ARABIC = "ترسو السفن عند الرصيف الشرقي"
PARTS = (
    "body, .topbar, .sidebar, .documents-scroll, main, #conversation, #passage, .passage-body, .composer, "
    ".turn, .question, .source, .document"
)
WIDTHS = {"phone": (375, 740), "tablet": (820, 1100), "desktop": (1440, 900)}


async def violations(page: Page) -> list[str]:
    """What axe finds, best practices included, as one line each."""
    await page.evaluate(AXE)
    result: dict[str, Any] = await page.evaluate("axe.run(document)")
    return [
        f"{found['id']} ({found['impact']}): {node['target']} {node['failureSummary']}"
        for found in result["violations"]
        for node in found["nodes"]
    ]


# Colours do not depend on the width: dark is looked at once.
@pytest.mark.parametrize(
    ("scheme", "width"), [("light", "phone"), ("light", "tablet"), ("light", "desktop"), ("dark", "desktop")]
)
async def test_axe_finds_nothing_in_any_state(
    browser: Browser, fake: FakeOrchestrator, scheme: Literal["light", "dark"], width: str
) -> None:
    context = await browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    page, found = await context.new_page(), dict[str, list[str]]()
    await page.set_viewport_size({"width": WIDTHS[width][0], "height": WIDTHS[width][1]})
    fake.health = {"state": "degraded", "degraded": ["llm-proxy"]}
    broken = StoredFile("file-broken", "broken.pdf", status="failed", reason="The PDF is encrypted.")
    fake.stores["vs_harbour"]["file-broken"] = broken
    fake.add_store("vs_pilots", "Pilots")
    await page.goto(fake.address)
    await expect(page.locator(".example").first).to_be_visible()
    found["empty"] = await violations(page)

    rest = Gate()
    three = [passages.citation(index) for index in (1, 2, 3)]
    fake.answers.append(Answer(pieces=[RICH, rest], citations=three, degraded=["generate"]))
    turn = await ask(page, "Where may ships moor?")
    await expect(turn.locator("pre")).to_be_visible()
    found["streaming"] = await violations(page)
    rest.set()
    await expect(turn).to_have_attribute("data-state", "done")
    await turn.locator("summary").click()
    await turn.get_by_role("button", name="Bad answer").click()
    await expect(turn.get_by_label("What was wrong? (optional)")).to_be_visible()
    found["answer"] = await violations(page)

    fake.failures.append(Failure("POST /v1/chat/completions", 503))
    await expect(await ask(page, "And?")).to_have_attribute("data-state", "failed")
    found["failure"] = await violations(page)

    await turn.locator("button.mark").first.click()
    await expect(page.locator("#passage")).to_be_visible()
    found["passage"] = await violations(page)
    await page.get_by_role("button", name="Close source").click()

    if width != "desktop":
        await page.get_by_role("button", name="Documents", exact=True).click()
        found["drawer"] = await violations(page)
    await page.locator(".document").first.get_by_role("button").click()
    await expect(page.get_by_role("alertdialog")).to_be_visible()
    found["confirm"] = await violations(page)

    fake.key = "another"
    await page.reload()
    await expect(page.get_by_role("dialog", name="Sign in to Fairlead")).to_be_visible()
    await page.get_by_label("API key").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_visible()
    found["sign-in"] = await violations(page)
    assert {state: lines for state, lines in found.items() if lines} == {}
    await context.close()


async def test_an_answer_is_announced_once_and_whole(chat: Page, fake: FakeOrchestrator) -> None:
    log = """() => {
        window.said = [];
        const region = document.getElementById("announcer");
        new MutationObserver(() => said.push(region.textContent)).observe(region, { childList: true });
    }"""
    await chat.evaluate(log)
    gate = Gate()
    fake.answers.append(Answer(pieces=["Ships ", gate, *"moor at the east quay [1]."]))
    turn = await ask(chat, "Where?")
    await expect(turn.locator(".answer")).to_have_attribute("aria-busy", "true")
    gate.set()
    await expect(turn).to_have_attribute("data-state", "done")
    await expect(turn.locator(".answer")).to_have_attribute("aria-busy", "false")
    said = await chat.evaluate("said")
    assert said == ["Searching the documents.", "Answer: Ships moor at the east quay 1. 1 source."]
    assert await turn.locator("[aria-live], [role=status]:not(.vote-said), [role=log]").count() == 0


async def test_a_failure_is_announced(chat: Page, fake: FakeOrchestrator) -> None:
    fake.failures.append(Failure("POST /v1/chat/completions", 503, "The index is being rebuilt."))
    await ask(chat, "Where?")
    await expect(chat.locator("#announcer")).to_have_text("No answer: The index is being rebuilt.")


async def test_questions_are_headings_within_one_outline(chat: Page) -> None:
    await ask_and_wait(chat, "Where may ships moor?")
    await expect(chat.get_by_role("heading", level=1)).to_have_text("Fairlead")
    await expect(chat.get_by_role("heading", name="Where may ships moor?", level=2)).to_be_visible()
    await expect(chat.get_by_role("article", name="Where may ships moor?")).to_be_visible()
    for landmark in (chat.get_by_role("banner"), chat.get_by_role("main"), chat.get_by_role("complementary")):
        await expect(landmark).to_have_count(1)


async def test_the_keyboard_reaches_everything_in_the_order_it_is_read(chat: Page) -> None:
    await ask_and_wait(chat, "Where?")
    await chat.locator(".skip").focus()
    order: list[str] = []
    name = "(node) => node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent"
    seen = "(node) => getComputedStyle(node).outlineStyle + getComputedStyle(node.form ?? node).boxShadow"
    while (label := str(await chat.locator(":focus").evaluate(name)).strip()) != "Ask":
        assert await chat.locator(":focus").evaluate(seen) != "nonenone", f"focus on {label} must be seen"
        order.append(label)
        assert len(order) < 40
        await chat.keyboard.press("Tab")
    expected = [
        "Skip to the question",
        "New conversation",
        "Use dark colours",
        "Add",
        "Delete safety-briefing.txt",
        "Source 1: Harbour rules, page 12",
        "Good answer",
        "Bad answer",
        "Your question",
    ]
    assert [label for label in order if label in expected] == expected


async def test_the_skip_link_leads_to_the_question(chat: Page) -> None:
    await chat.locator(".skip").focus()
    await expect(chat.locator(".skip")).to_be_in_viewport()
    await chat.keyboard.press("Enter")
    await expect(chat.get_by_label("Your question")).to_be_focused()


async def test_on_a_phone_the_drawer_takes_and_returns_the_focus(chat: Page) -> None:
    await chat.set_viewport_size({"width": 375, "height": 740})
    await expect(chat.locator(".document").first).to_be_hidden()
    opener = chat.get_by_role("button", name="Documents", exact=True)
    await opener.click()
    await expect(opener).to_have_attribute("aria-expanded", "true")
    await expect(chat.get_by_role("button", name="Close documents")).to_be_focused()
    await expect(chat.locator(".document").first).to_be_visible()
    await chat.keyboard.press("Escape")
    await expect(opener).to_be_focused()
    await expect(chat.locator(".document").first).to_be_hidden()
    await opener.click()
    await chat.mouse.click(370, 400)  # the dimmed page beside it
    await expect(chat.locator(".document").first).to_be_hidden()


# 1280 pixels at 400 % are 320: what the accessibility guidelines ask of reflow.
@pytest.mark.parametrize("width", [320, 375, 640, 820, 1280, 1920])
async def test_nothing_is_cut_off_or_scrolls_sideways(page: Page, fake: FakeOrchestrator, width: int) -> None:
    await page.set_viewport_size({"width": width, "height": 720})
    fake.stores["vs_harbour"]["file-long"] = StoredFile(
        "file-long", f"{LONG_WORD}.pdf", status="failed", reason=LONG_WORD
    )
    fake.store_names["vs_harbour"] = LONG_WORD
    await page.goto(fake.address)
    long = passages.citation(1, title=LONG_WORD, quote=LONG_WORD, text=LONG_WORD, filename=f"{LONG_WORD}.pdf")
    fake.answers.append(Answer(pieces=[f"{RICH}\n\n{LONG_WORD} [1]\n\n{ARABIC}"], citations=[long]))
    turn = await ask_and_wait(page, LONG_WORD)
    await turn.locator("button.mark").last.click()
    await turn.locator("summary").evaluate("(summary) => summary.click()")
    wider = """(parts) => [...document.querySelectorAll(parts)]
        .filter((node) => node.clientWidth > 0 && node.scrollWidth > node.clientWidth + 1)
        .map((node) => `${node.id || node.className}: ${node.scrollWidth} > ${node.clientWidth}`)"""
    assert await page.evaluate(wider, PARTS) == []
    assert await page.evaluate("document.documentElement.scrollWidth") == width


async def test_text_of_either_direction_is_set_in_its_own(chat: Page, fake: FakeOrchestrator) -> None:
    quoted = passages.citation(1, title=ARABIC, quote=ARABIC, text=ARABIC)
    fake.answers.append(Answer(pieces=[f"{ARABIC} [1]\n\nShips moor."], citations=[quoted]))
    turn = await ask_and_wait(chat, ARABIC)
    await turn.locator("button.mark").click()
    direction = "(node) => getComputedStyle(node).direction"
    for place, expected in {
        ".question": "rtl",
        ".prose p:first-child": "rtl",
        ".prose p:last-child": "ltr",
        ".source-quote": "rtl",
        ".passage-body p": "rtl",
        "#passage-title": "rtl",
    }.items():
        assert await chat.locator(place).evaluate(direction) == expected, place


async def test_motion_stops_for_those_who_ask_for_it(chat: Page, fake: FakeOrchestrator) -> None:
    waiting = Gate()
    fake.answers.append(Answer(before_head=waiting))
    turn = await ask(chat, "Where?")
    await expect(turn.locator(".progress")).to_be_visible()
    assert await chat.evaluate("document.getAnimations().length") == 0
    waiting.set()


async def test_the_theme_follows_the_system_until_one_is_chosen(chat: Page) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    light = await chat.evaluate(background)
    await chat.emulate_media(color_scheme="dark")
    dark = await chat.evaluate(background)
    assert dark != light
    await chat.get_by_role("button", name="Use light colours").click()
    assert await chat.evaluate(background) == light
    await chat.reload()
    assert await chat.evaluate(background) == light
    await chat.get_by_role("button", name="Use dark colours").click()
    assert await chat.evaluate(background) == dark
    await chat.emulate_media(color_scheme="light")
    assert await chat.evaluate(background) == light  # no choice is left: the system decides again
