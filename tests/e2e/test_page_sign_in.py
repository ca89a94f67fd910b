"""With keys the page asks for one, keeps it in the tab alone, and forgets everything on signing out."""

import pytest
from playwright.async_api import Locator, Page, expect

from e2e.questions import ask, ask_and_wait
from fakes.orchestrator import FakeOrchestrator

KEY = "flk-0123456789abcdef"


@pytest.fixture
async def dialog(fake: FakeOrchestrator, page: Page) -> Locator:
    fake.key = KEY
    await page.goto(fake.address)
    dialog = page.get_by_role("dialog", name="Sign in to Fairlead")
    await expect(dialog).to_be_visible()
    return dialog


async def sign_in(dialog: Locator, key: str) -> None:
    await dialog.get_by_label("API key").fill(key)
    await dialog.get_by_role("button", name="Sign in").click()


async def test_the_right_key_opens_the_page(page: Page, dialog: Locator) -> None:
    await expect(dialog.get_by_label("API key")).to_be_focused()
    await expect(dialog.get_by_role("alert")).to_be_hidden()  # nobody did anything wrong yet
    await sign_in(dialog, KEY)
    await expect(dialog).to_be_hidden()
    await expect(page.locator(".document")).to_have_count(6)
    await ask_and_wait(page, "Where?")


async def test_a_wrong_key_is_said_and_can_be_corrected(dialog: Locator) -> None:
    await sign_in(dialog, "flk-wrong")
    await expect(dialog.get_by_role("alert")).to_have_text("This key is not valid, or no longer.")
    await sign_in(dialog, KEY)
    await expect(dialog).to_be_hidden()


async def test_the_dialog_cannot_be_left_without_a_key(page: Page, dialog: Locator) -> None:
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_visible()
    await dialog.get_by_label("API key").press("Enter")
    await expect(dialog).to_be_visible()


async def test_the_key_is_in_the_tab_alone(page: Page, dialog: Locator, fake: FakeOrchestrator) -> None:
    await sign_in(dialog, KEY)
    await ask_and_wait(page, "Where?")
    await page.reload()
    await expect(page.locator(".document")).to_have_count(6)  # still signed in
    assert not any(KEY in address for address in fake.addresses)
    assert KEY not in page.url
    assert KEY not in await page.evaluate("JSON.stringify(localStorage) + document.cookie + document.body.innerHTML")
    assert KEY in await page.evaluate("Object.values(sessionStorage)")
    elsewhere = await page.context.new_page()
    await elsewhere.goto(fake.address)
    await expect(elsewhere.get_by_role("dialog", name="Sign in to Fairlead")).to_be_visible()


async def test_signing_out_leaves_nothing_behind(page: Page, dialog: Locator) -> None:
    await sign_in(dialog, KEY)
    # A question sent while the key is still being checked is not sent at all.
    await expect(dialog).to_be_hidden()
    await ask_and_wait(page, "What is secret?")
    await page.get_by_role("button", name="Sign out").click()
    await expect(dialog).to_be_visible()
    await expect(page.locator(".turn")).to_have_count(0)
    await expect(page.locator(".document")).to_have_count(0)
    assert await page.evaluate("sessionStorage.length") == 0


async def test_a_key_that_ends_during_use_is_asked_for_again(
    page: Page, dialog: Locator, fake: FakeOrchestrator
) -> None:
    await sign_in(dialog, KEY)
    await expect(page.locator(".document")).to_have_count(6)
    fake.key = "flk-new"
    turn = await ask(page, "Where?")
    await expect(dialog.get_by_role("alert")).to_have_text("This key is not valid, or no longer.")
    await sign_in(dialog, "flk-new")
    await expect(dialog).to_be_hidden()
    await turn.get_by_role("button", name="Ask again").click()
    await expect(turn).to_have_attribute("data-state", "done")


async def test_without_keys_nobody_signs_in_or_out(chat: Page) -> None:
    await expect(chat.get_by_role("dialog")).to_have_count(0)
    await expect(chat.get_by_role("button", name="Sign out")).to_be_hidden()
