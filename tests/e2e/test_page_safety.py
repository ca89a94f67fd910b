"""Answers, documents and file names are untrusted: whatever they hold, the page shows it as text."""

import httpx2 as httpx
import pytest
from playwright.async_api import Locator, Page, Request, expect

from e2e.questions import ask_and_wait
from fakes import passages
from fakes.orchestrator import Answer, Failure, FakeOrchestrator, StoredFile

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script><b>bold</b>"
PICTURES = "![pixel](http://evil.example/pixel.png) and [![x](http://evil.example/b.png)](http://evil.example/)"
LINKS = (
    "[script](javascript:document.title='owned') [data](data:text/html,<script>1</script>) "
    "[vb](vbscript:x) [relative](/v1/files) [Script](JaVaScRiPt:alert) [good](https://example.org/a_b) "
    "https://example.org/plain."
)


@pytest.fixture
async def elsewhere(page: Page, fake: FakeOrchestrator) -> list[str]:
    """Requests that the page sends to anyone but its own server."""
    strangers: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((fake.address, "blob:", "data:")):
            strangers.append(request.url)

    page.on("request", note)
    return strangers


async def untouched(page: Page) -> None:
    assert await page.title() == "Fairlead"
    assert (
        await page.locator("main script, main iframe, main img, main object, main style, dialog img[src^=http]").count()
        == 0
    )


async def test_html_in_an_answer_stays_text(chat: Page, fake: FakeOrchestrator, elsewhere: list[str]) -> None:
    fake.answers.append(Answer(pieces=[HOSTILE, "\n\n```html\n", HOSTILE, "\n```\n\n| a |\n|---|\n| ", HOSTILE, " |"]))
    turn = await ask_and_wait(chat, HOSTILE)
    await expect(turn.locator(".question")).to_have_text(HOSTILE)
    await expect(turn.locator(".prose p")).to_have_text(HOSTILE)
    await expect(turn.locator("pre")).to_have_text(HOSTILE)
    await expect(turn.locator("td")).to_have_text(HOSTILE)
    await untouched(chat)
    assert elsewhere == []


async def test_pictures_in_an_answer_are_not_fetched(chat: Page, fake: FakeOrchestrator, elsewhere: list[str]) -> None:
    fake.answers.append(Answer(pieces=[PICTURES]))
    turn = await ask_and_wait(chat, "Show me.")
    await expect(turn.locator(".prose")).to_contain_text("pixel")
    await untouched(chat)
    assert elsewhere == []


async def test_only_web_and_mail_addresses_become_links(chat: Page, fake: FakeOrchestrator) -> None:
    fake.answers.append(Answer(pieces=[LINKS]))
    turn = await ask_and_wait(chat, "Links?")
    links: Locator = turn.locator(".prose a")
    assert await links.evaluate_all("(all) => all.map((a) => a.href)") == [
        "https://example.org/a_b",
        "https://example.org/plain",
    ]
    for index in range(2):
        await expect(links.nth(index)).to_have_attribute("rel", "noopener noreferrer nofollow")
    await untouched(chat)


async def test_citations_and_errors_stay_text(chat: Page, fake: FakeOrchestrator, elsewhere: list[str]) -> None:
    hostile = passages.citation(1, title=HOSTILE, filename=HOSTILE, quote=HOSTILE, text=f"Before. {HOSTILE} After.")
    fake.answers.append(Answer(citations=[hostile], degraded=[HOSTILE]))
    turn = await ask_and_wait(chat, "Where?")
    await expect(turn.locator(".source-quote")).to_have_text(HOSTILE)
    await turn.locator("button.mark").click()
    await expect(chat.locator("#passage mark")).to_have_text(HOSTILE)
    await untouched(chat)
    fake.failures.append(Failure("POST /v1/chat/completions", 400, HOSTILE))
    await chat.get_by_label("Your question").fill("And?")
    await chat.keyboard.press("Enter")
    await expect(chat.locator(".turn").nth(1)).to_contain_text(HOSTILE)
    await untouched(chat)
    assert elsewhere == []


async def test_names_of_documents_stay_text(page: Page, fake: FakeOrchestrator) -> None:
    fake.stores["vs_harbour"] = {"file-x": StoredFile("file-x", HOSTILE, status="failed", reason=HOSTILE)}
    fake.store_names["vs_harbour"] = HOSTILE
    await page.goto(fake.address)
    await expect(page.locator(".document-name")).to_have_text(HOSTILE)
    await expect(page.locator(".document-reason")).to_have_text(HOSTILE)
    await expect(page.locator("#choice strong")).to_have_text(HOSTILE)
    await untouched(page)


async def test_the_browser_itself_refuses_html_from_text(chat: Page) -> None:
    refused = """() => {
        try { document.body.innerHTML = "<b>x</b>"; } catch (error) { return error.name; }
    }"""
    assert await chat.evaluate(refused) == "TypeError"


async def test_the_policy_allows_nothing_from_elsewhere_and_nothing_inline(fake: FakeOrchestrator) -> None:
    async with httpx.AsyncClient(base_url=fake.address) as client:
        for path in ("/", "/web/page.js", "/web/style/base.css", "/web/icons.svg"):
            answer = await client.get(path)
            assert answer.status_code == 200
            policy = answer.headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "no-referrer"


async def test_files_of_the_page_are_revalidated_not_sent_again(fake: FakeOrchestrator) -> None:
    async with httpx.AsyncClient(base_url=fake.address) as client:
        first = await client.get("/web/page.js")
        assert first.headers["cache-control"] == "no-cache"
        again = await client.get("/web/page.js", headers={"if-none-match": first.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["/web/../settings.py", "/web/%2e%2e/settings.py", "/web/..%2fsettings.py", "/web/x.js", "/web/"]
)
async def test_nothing_but_the_pages_own_files_is_served(fake: FakeOrchestrator, path: str) -> None:
    async with httpx.AsyncClient(base_url=fake.address) as client:
        assert (await client.get(path)).status_code == 404


async def test_the_page_works_below_a_path_prefix(page: Page, fake: FakeOrchestrator) -> None:
    async def strip(route) -> None:
        response = await route.fetch(url=route.request.url.replace("/assistants/harbour/", "/"))
        await route.fulfill(response=response)

    await page.route("**/assistants/harbour/**", strip)
    await page.goto(f"{fake.address}assistants/harbour/")
    await expect(page.locator(".document")).to_have_count(6)
    turn = await ask_and_wait(page, "Where?")
    await expect(turn.locator(".prose")).to_contain_text("east quay")
