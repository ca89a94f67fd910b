"""What the page says when a part of the platform, or the connection to it, is not well."""

from playwright.async_api import Page, expect

from e2e.questions import ask
from fakes.orchestrator import Failure, FakeOrchestrator

CHECK_MS = 30_000


async def test_all_well_says_nothing(chat: Page) -> None:
    await expect(chat.locator("#banner")).to_be_empty()


async def test_a_part_that_is_down_is_named_by_what_it_means(page: Page, fake: FakeOrchestrator) -> None:
    fake.health = {"state": "degraded", "degraded": ["llm-proxy"]}
    await page.goto(fake.address)
    await expect(page.locator("#banner")).to_have_text(
        "Answers cannot be written at the moment; questions still find passages."
    )


async def test_an_unknown_part_is_named_as_it_is(page: Page, fake: FakeOrchestrator) -> None:
    fake.health = {"state": "down", "degraded": ["translator"]}
    await page.goto(fake.address)
    await expect(page.locator("#banner")).to_contain_text("“translator” is not working at the moment.")


async def test_the_banner_goes_when_all_is_well_again(page: Page, fake: FakeOrchestrator) -> None:
    await page.clock.install()
    fake.health = {"state": "degraded", "degraded": ["llm-proxy"]}
    await page.goto(fake.address)
    await expect(page.locator("#banner")).not_to_be_empty()
    fake.health = {"state": "ok", "degraded": []}
    await page.clock.fast_forward(CHECK_MS)
    await expect(page.locator("#banner")).to_be_empty()


async def test_a_failed_question_asks_at_once_what_is_wrong(chat: Page, fake: FakeOrchestrator) -> None:
    fake.health = {"state": "down", "degraded": ["postgres"]}
    fake.failures.append(Failure("POST /v1/chat/completions", 503, "The knowledge base cannot be reached."))
    await ask(chat, "Where?")
    await expect(chat.locator("#banner")).to_contain_text("The knowledge base cannot be reached at the moment.")


async def test_being_offline_is_said_and_coming_back_is_noticed(chat: Page) -> None:
    await chat.context.set_offline(True)
    await expect(chat.locator("#banner")).to_contain_text("You are offline.")
    turn = await ask(chat, "Where?")
    await expect(turn).to_contain_text("The server cannot be reached.")
    await chat.context.set_offline(False)
    await expect(chat.locator("#banner")).to_be_empty()
    await turn.get_by_role("button", name="Ask again").click()
    await expect(turn).to_have_attribute("data-state", "done")


async def test_a_page_that_opened_without_its_server_recovers(page: Page, fake: FakeOrchestrator) -> None:
    await page.clock.install()
    away = ["**/v1/**", "**/healthz"]
    for address in away:
        await page.route(address, lambda route: route.abort("connectionrefused"))
    await page.goto(fake.address)
    await expect(page.locator("#banner")).to_contain_text("The server cannot be reached. Trying again…")
    for address in away:
        await page.unroute(address)
    await page.clock.fast_forward(CHECK_MS)
    await expect(page.locator("#banner")).to_be_empty()
    await expect(page.locator(".document")).to_have_count(6)
