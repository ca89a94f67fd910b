"""What people do on the chat page, in the words of the page."""

from playwright.async_api import Locator, Page, expect


async def ask(page: Page, question: str) -> Locator:
    """Type a question, send it with Enter; the turn that it made."""
    turns = page.locator(".turn")
    before = await turns.count()
    await page.get_by_label("Your question").fill(question)
    await page.get_by_label("Your question").press("Enter")
    await expect(turns).to_have_count(before + 1)
    return turns.nth(before)


async def ask_and_wait(page: Page, question: str) -> Locator:
    """The turn, once its answer is whole."""
    turn = await ask(page, question)
    await expect(turn).to_have_attribute("data-state", "done")
    return turn
