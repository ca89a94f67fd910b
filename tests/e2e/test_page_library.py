"""The documents page: what is there and how it stands, what was read of it, and why a search finds it."""

import re
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from e2e.running_platform import RunningPlatform
from fakes import office
from fakes.orchestrator import Failure, FakeOrchestrator, StoredFile

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
LONG_WORD = "Donaudampfschifffahrtsgesellschaftskapitän" * 6
REASON = "The PDF is protected by a password. Save a copy without it."


def chunk(number: int, text: str, **own: Any) -> dict[str, Any]:
    facts = {"chunk_id": f"chunk_{number}", "position": number, "headings": ["Mooring", "Lines"], "page": 3}
    return {"text": text, "fairlead": facts | {"page_end": 3, "tokens": 12, "metadata": {}} | own}


def hit(name: str, text: str, **own: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"chunk_id": "chunk_2", "headings": ["Mooring"], "page": 3}
    legs: dict[str, Any] = {"keyword": {"rank": 1, "score": 3.2}, "vector": {"rank": None, "score": 0.41}}
    legs |= {"matched": ["moor", "ship"], "phrase": False}
    content = [{"type": "text", "text": text}]
    return {
        "file_id": f"file-{name}",
        "filename": name,
        "score": 0.83,
        "content": content,
        "fairlead": facts | legs | own,
    }


def source(**facts: Any) -> dict[str, Any]:
    """A source as the API shows it."""
    plain = {"name": "folder:default:/docs", "label": "folder:default:/docs", "kind": "folder", "path": "/docs"}
    state = {"store": "default", "state": "ok", "last_success_at": None, "error": None, "counts": {}, "failures": {}}
    documents = {"todo": 0, "done": 3, "failed": 0, "total": 3, "eta_s": 0}
    return plain | state | {"unreadable": [], "documents": documents} | facts


def furnish(fake: FakeOrchestrator) -> None:
    """A file with passages, a failed one, sources, and something to find."""
    rules = fake.stores["vs_harbour"]["file-harbour-rules.pdf"]
    rules.bytes = 48_213
    rules.facts = {
        "language": "en", "pages": 12, "author": "Ada Lovelace", "date": "2024-05-31",
        "removed": {"zero_width": 3, "bidi_control": 1},
    }  # fmt: skip
    rules.chunks = [chunk(n, f"Ships moor with {n} lines.") for n in range(120)]
    rules.chunks[2]["text"] = "Berth | Fee\nEast | 12"
    rules.chunks[2]["fairlead"]["metadata"] = {"rows": [2, 40]}
    fake.stores["vs_harbour"]["file-locked"] = StoredFile("file-locked", "locked.pdf", status="failed", reason=REASON)
    fake.sources = [
        source(label="Handbook folder", last_success_at=1_700_000_000, failures={"unsupported_file": 2},
               counts={"new": 3, "found": 3}, unreadable=[{"path": "photo.png"}]),
        source(kind="website", state="failed", error="The site does not answer."),
    ]  # fmt: skip
    fake.hits = [hit("harbour-rules.pdf", "Ships moor at the east quay. Mooring lines are doubled.")]
    fake.search_facts = {"legs": ["keyword", "vector"], "search_ms": 4.2, "degraded": []}


@pytest.fixture
async def library(fake: FakeOrchestrator, page: Page) -> AsyncIterator[Page]:
    """The page, open on a furnished knowledge base."""
    furnish(fake)
    await page.goto(f"{fake.address}documents")
    await expect(rows(page)).to_have_count(7)
    yield page


def rows(page: Page) -> Locator:
    return page.get_by_role("list", name="Documents").locator(".document")


async def search(page: Page, query: str) -> None:
    await page.get_by_label("What to look for").fill(query)
    await page.keyboard.press("Enter")


async def test_files_are_listed_with_what_is_known_of_them(library: Page) -> None:
    row = rows(library).filter(has_text="harbour-rules.pdf")
    for fact in ("Ready", "48 KB", "120 passages", "12 pages", "English"):
        await expect(row).to_contain_text(fact)
    await expect(rows(library).filter(has_text="locked.pdf")).to_contain_text(REASON)
    await expect(library.locator("#document-count")).to_have_text("7")


async def test_files_with_one_status_can_be_shown(library: Page) -> None:
    await library.get_by_label("Files with this status").select_option("Failed")
    await expect(rows(library)).to_have_count(1)
    await expect(rows(library)).to_contain_text("locked.pdf")
    await library.get_by_label("Files with this status").select_option("All files")
    await expect(rows(library)).to_have_count(7)


@pytest.mark.parametrize("has_retry", [True, False])
async def test_a_failed_file_can_be_read_again(library: Page, fake: FakeOrchestrator, has_retry: bool) -> None:
    fake.has_retry = has_retry
    row = rows(library).filter(has_text="locked.pdf")
    await row.get_by_role("button", name="Read locked.pdf again").click()
    await expect(row).to_contain_text("Being read…")
    await expect(library.locator("#announcer")).to_have_text("locked.pdf is read again.")
    fake.stores["vs_harbour"]["file-locked"].status = "completed"
    await expect(row).to_contain_text("Ready")
    await expect(row.get_by_role("button", name="Read locked.pdf again")).to_have_count(0)


async def test_a_retry_that_is_refused_says_why(library: Page, fake: FakeOrchestrator) -> None:
    fake.failures.append(Failure("POST .*/retry", 503, "The queue is full."))
    row = rows(library).filter(has_text="locked.pdf")
    await row.get_by_role("button", name="Read locked.pdf again").click()
    await expect(row).to_contain_text("It cannot be read again: The queue is full.")


async def test_deleting_asks_first(library: Page, fake: FakeOrchestrator) -> None:
    await rows(library).get_by_role("button", name="Delete locked.pdf").click()
    dialog = library.get_by_role("alertdialog", name="Delete this document?")
    await dialog.get_by_role("button", name="Cancel").click()
    assert "file-locked" in fake.stores["vs_harbour"]
    await rows(library).get_by_role("button", name="Delete locked.pdf").click()
    await dialog.get_by_role("button", name="Delete", exact=True).click()
    await expect(rows(library)).to_have_count(6)
    assert "file-locked" not in fake.stores["vs_harbour"]


async def test_a_file_opens_on_what_was_read_of_it(library: Page) -> None:
    opener = rows(library).get_by_role("button", name="Open harbour-rules.pdf")
    await opener.click()
    viewer = library.get_by_role("dialog", name="harbour-rules.pdf")
    await expect(viewer.locator(".chunk")).to_have_count(50)
    await expect(viewer).to_contain_text("3 zero-width and 1 text-direction characters that nobody sees were removed.")
    await expect(viewer).to_contain_text("Ada Lovelace")
    first = viewer.locator(".chunk").first
    await expect(first).to_contain_text("Passage 1 · Page 3 · 12 tokens")
    await expect(first).to_contain_text("Mooring › Lines")
    await expect(viewer.locator(".chunk").nth(2)).to_contain_text("Page 3, Rows 2 to 40")
    await viewer.get_by_role("button", name="Show more passages").click()
    await expect(viewer.locator(".chunk").nth(50)).to_be_focused()
    await expect(viewer.locator(".chunk")).to_have_count(100)
    await library.keyboard.press("Escape")
    await expect(viewer).to_be_hidden()
    await expect(opener).to_be_focused()


async def test_passages_that_cannot_be_read_are_said_to_be(library: Page, fake: FakeOrchestrator) -> None:
    fake.failures.append(Failure("GET .*/content", 503, "The index is being rebuilt."))
    await rows(library).get_by_role("button", name="Open harbour-rules.pdf").click()
    await expect(library.get_by_role("alert")).to_contain_text("The index is being rebuilt.")


async def test_a_search_shows_why(library: Page) -> None:
    await search(library, "mooring ships")
    found = library.get_by_role("list", name="Passages found").get_by_role("listitem")
    await expect(found).to_have_count(1)
    await expect(found).to_contain_text("83 %")
    await expect(found.locator(".why")).to_contain_text("Wordsrank 1, score 3.200")
    await expect(found.locator(".why")).to_contain_text("Meaningnot among its first, score 0.410")
    await expect(found.locator(".term")).to_have_text(["moor", "ship"])
    await expect(found.locator("mark")).to_have_text(["Ships", "moor", "Mooring"])
    await expect(library.locator("#search-note")).to_have_text("1 passage · 4 ms · by words and by meaning")
    await found.get_by_role("button", name="Open harbour-rules.pdf at this passage").click()
    await expect(library.locator(".chunk.wanted")).to_contain_text("East | 12")


async def test_a_search_without_success_says_so(library: Page, fake: FakeOrchestrator) -> None:
    fake.hits = []
    await search(library, "xylophone")
    await expect(library.locator("#search-note")).to_contain_text("No passage was found.")
    fake.failures.append(Failure("POST .*/search", 503, "The index is being rebuilt."))
    await search(library, "xylophone")
    await expect(library.locator("#search-note")).to_have_text("The search did not work: The index is being rebuilt.")


async def test_sources_say_how_they_stand(library: Page) -> None:
    sources = library.get_by_role("list", name="Sources").get_by_role("listitem")
    await expect(sources).to_have_count(2)
    await expect(sources.first).to_contain_text("In step")
    await expect(sources.first).to_contain_text(re.compile("last in step [0-9,]+ days ago"))
    await expect(sources.first).to_contain_text("2 documents left out (unsupported file: 2), such as photo.png")
    await expect(sources.first).to_contain_text("Handbook folder")
    await expect(sources.nth(1)).to_contain_text("/docs")
    await expect(sources.nth(1)).to_contain_text("The site does not answer.")


async def test_a_source_under_way_says_how_far_it_is(page: Page, fake: FakeOrchestrator) -> None:
    under_way = {"todo": 60, "done": 40, "failed": 0, "total": 100, "eta_s": 130}
    fake.sources = [source(state="running", documents=under_way)]
    await page.goto(f"{fake.address}documents")
    row = page.get_by_role("list", name="Sources").get_by_role("listitem")
    await expect(row).to_contain_text("40 of 100 documents read, about 3 minutes left")


async def test_a_cancelled_file_is_attached_anew(library: Page, fake: FakeOrchestrator) -> None:
    fake.stores["vs_harbour"]["file-locked"].status = "cancelled"
    fake.failures.append(Failure("POST .*/retry", 409, "It has not failed."))
    await library.reload()
    row = rows(library).filter(has_text="locked.pdf")
    await row.get_by_role("button", name="Read locked.pdf again").click()
    await expect(row).to_contain_text("Being read…")


async def test_without_sources_nothing_is_said_of_them(page: Page, fake: FakeOrchestrator) -> None:
    await page.goto(f"{fake.address}documents")
    await expect(rows(page)).to_have_count(6)
    await expect(page.get_by_role("heading", name="Sources")).to_be_hidden()


async def test_an_upload_is_followed_until_it_is_ready(library: Page) -> None:
    await library.locator("#picker").set_input_files(
        [{"name": "berths.csv", "mimeType": "text/csv", "buffer": b"berth,fee\neast,12\n"}]
    )
    await expect(rows(library).first).to_contain_text("berths.csv")
    await expect(rows(library)).to_have_count(8)


async def test_what_can_be_read_is_listed_by_the_api(page: Page, fake: FakeOrchestrator) -> None:
    fake.stores["vs_harbour"].clear()
    await page.goto(f"{fake.address}documents")
    await expect(page.locator("#no-documents")).to_contain_text("PowerPoint (.pptx)")
    await expect(page.locator("#picker")).to_have_attribute("accept", re.compile(r"\.xlsx"))


async def test_the_pages_lead_to_each_other(library: Page, fake: FakeOrchestrator) -> None:
    await library.get_by_role("link", name="Ask").click()
    await expect(library.get_by_label("Your question")).to_be_visible()
    await library.get_by_role("link", name="Documents in detail").click()
    await expect(library.get_by_role("heading", name="Documents", level=1)).to_be_visible()


async def test_the_keyboard_reaches_everything(library: Page) -> None:
    await library.locator(".skip").focus()
    order: list[str] = []
    name = "(node) => node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent"
    while "Open harbour-rules.pdf" not in order:
        order.append(str(await library.locator(":focus").evaluate(name)).strip())
        assert len(order) < 60, order
        await library.keyboard.press("Tab")
    expected = ["Skip to the documents", "Ask", "What to look for", "Search", "Add", "Files with this status"]
    expected += ["Read locked.pdf again", "Delete locked.pdf", "Open harbour-rules.pdf"]
    assert [label for label in order if label in expected] == expected


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("light", 1280), ("dark", 1280)])
async def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    browser: Browser, fake: FakeOrchestrator, scheme: Literal["light", "dark"], width: int
) -> None:
    furnish(fake)
    fake.stores["vs_harbour"]["file-long"] = StoredFile("file-long", f"{LONG_WORD}.pdf", "failed", LONG_WORD)
    assert fake.sources and fake.hits
    fake.sources[1]["label"] = fake.sources[1]["error"] = LONG_WORD
    fake.hits.append(hit(f"{LONG_WORD}.pdf", LONG_WORD, headings=[LONG_WORD]))
    fake.stores["vs_harbour"]["file-harbour-rules.pdf"].chunks[0]["text"] = LONG_WORD
    context = await browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    page, found = await context.new_page(), dict[str, list[str]]()
    await page.set_viewport_size({"width": width, "height": 780})
    await page.goto(f"{fake.address}documents")
    await expect(rows(page)).to_have_count(8)
    await search(page, "mooring ships")
    await expect(page.locator(".hit")).to_have_count(2)
    found["list"] = await violations(page)
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    await rows(page).get_by_role("button", name="Open harbour-rules.pdf").click()
    await expect(page.locator(".chunk").first).to_be_visible()
    found["viewer"] = await violations(page)
    assert await page.evaluate("document.querySelector('.viewer-body').scrollWidth <= document.body.clientWidth")
    await page.keyboard.press("Escape")
    await rows(page).get_by_role("button", name="Delete locked.pdf").click()
    found["confirm"] = await violations(page)
    assert {state: lines for state, lines in found.items() if lines} == {}
    await context.close()


async def violations(page: Page) -> list[str]:
    await page.evaluate(AXE)
    result: dict[str, Any] = await page.evaluate("axe.run(document)")
    return [f"{one['id']}: {node['target']}" for one in result["violations"] for node in one["nodes"]]


async def test_terms_are_found_in_their_forms_only(modules: Page) -> None:
    script = """async ([text, terms]) => {
        const { parts } = await import("/web/library/matches.js");
        const pieces = parts(text, terms);
        return [pieces.map((piece) => piece.text).join(""), pieces.filter((p) => p.match).map((p) => p.text)];
    }"""
    text = "Berries, a berry; moored, moor-fee and ERR-4711 <b>ship</b> shipyardworkers. 港口费用按吨位"
    same, found = await modules.evaluate(script, [text, ["berri", "moor", "err-4711", "ship", "o", "港口", "口费"]])
    assert same == text
    assert found.pop() == "港口费"
    assert found == ["Berries", "berry", "moored", "moor-fee", "ERR-4711", "ship"]


async def test_on_the_whole_platform_a_workbook_is_read_found_and_shown(page: Page, platform: RunningPlatform) -> None:
    await page.goto(f"{platform.address}documents")
    await expect(rows(page).first).to_be_visible()
    source = page.get_by_role("list", name="Sources").get_by_role("listitem")
    await expect(source).to_contain_text("In step")
    await expect(source).to_contain_text("into default")
    fees = office.workbook({"Fees": [["Berth", "Fee"], *([f"Quay {n}", n * 7] for n in range(2, 300))]})
    await page.locator("#picker").set_input_files(
        [{"name": "zephyr-tariff.xlsx", "mimeType": "application/octet-stream", "buffer": fees}]
    )
    row = rows(page).filter(has_text="zephyr-tariff.xlsx")
    await expect(row).to_contain_text("Ready", timeout=60_000)
    await search(page, "zephyr-tariff")  # its name is nowhere in its text
    first = page.locator(".hit").first
    await expect(first).to_contain_text("zephyr-tariff.xlsx")
    await expect(first.locator(".why")).to_contain_text(re.compile(r"Wordsrank \d.*Meaningrank \d"))
    await row.get_by_role("button", name="Open zephyr-tariff.xlsx").click()
    await expect(page.locator(".chunk").nth(1)).to_contain_text("Berth | Fee")
    await expect(page.locator(".chunk").nth(1)).to_contain_text(re.compile(r"Rows \d+ to \d+"))
