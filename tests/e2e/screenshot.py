"""Takes the README's pictures of the chat page from the real platform: `python -m e2e.screenshot` in `tests/`.

With `--address` they are taken of a platform that runs already, such as one that `make run` has started.
"""

import argparse
import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from playwright.async_api import Browser, async_playwright, expect

from e2e.conftest import CHROMIUM_FLAGS
from e2e.questions import ask_and_wait
from e2e.running_platform import ROOT, free_ports, running

IMAGES = ROOT / "docs" / "images"
SIZE = {"width": 1360, "height": 850}


async def picture(browser: Browser, address: str, scheme: str, question: str, path: Path) -> None:
    """The page with one answer and the source of its first sentence."""
    context = await browser.new_context(viewport=SIZE, color_scheme=scheme, device_scale_factor=1.5)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(address)
    await expect(page.locator(".document").first).to_be_visible()
    turn = await ask_and_wait(page, question)
    await turn.locator("button.mark").first.click()
    await expect(page.locator("#passage mark")).to_be_visible()
    await page.mouse.move(0, 0)
    await page.screenshot(path=path, animations="disabled")
    await context.close()


async def main() -> None:
    """Take both pictures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--address", help="of a running platform's chat page; without it one is started")
    options.add_argument("--question", default="Which knot makes a fixed loop?")
    given = options.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        address = given.address
        if address is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            platform = await stack.enter_async_context(running(folder / ".fairlead", free_ports(), TRACING="off"))
            address = platform.address
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS)
        for scheme, name in (("light", "chat.png"), ("dark", "chat-dark.png")):
            await picture(browser, address, scheme, given.question, IMAGES / name)
            print(IMAGES / name)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
