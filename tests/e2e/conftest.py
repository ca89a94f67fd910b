"""A real Chromium for the tests of the page, over a scripted orchestrator or over the whole platform."""

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from e2e.running_platform import RunningPlatform, free_ports, running
from fakes import orchestrator
from fakes.orchestrator import FakeOrchestrator

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A deadline, not a pace: each wait ends as soon as what it waits for is there.
WAIT_MS = 15_000
expect.set_options(timeout=WAIT_MS)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The system's Chromium; the tests of the page cannot say anything without one."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("Chromium is not installed: `apt-get install chromium`, or set CHROMIUM to its path")
    return path


@pytest.fixture(scope="session")
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser of its own for each test: storage, theme and keys are not shared."""
    context = await browser.new_context(viewport={"width": 1280, "height": 860}, reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A tab in which nothing goes wrong unseen: an exception in the page, or a breach of its policy, fails the test."""
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if "Content Security" in message.text else None)
    yield page
    assert problems == []


@pytest.fixture
async def fake() -> AsyncIterator[FakeOrchestrator]:
    """A furnished fake: one application, one knowledge base, six documents."""
    fake = orchestrator.furnished()
    async with orchestrator.serving(fake):
        yield fake


@pytest.fixture
async def chat(fake: FakeOrchestrator, page: Page) -> Page:
    """The page, open and ready to be asked."""
    await page.goto(fake.address)
    await expect(page.locator(".document").first).to_be_visible()
    return page


@pytest.fixture(scope="module")
async def modules(browser: Browser) -> AsyncIterator[Page]:
    """The page for tests that only call its modules: one for all of them, since they leave nothing behind."""
    fake = orchestrator.furnished()
    async with orchestrator.serving(fake):
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(fake.address)
        yield page
        await context.close()


@pytest.fixture(scope="session")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningPlatform]:
    """The whole platform on the samples, started once; without MLflow, which has tests of its own."""
    folder = tmp_path_factory.mktemp("platform") / ".fairlead"
    async with running(folder, free_ports(), TRACING="off") as platform:
        yield platform
