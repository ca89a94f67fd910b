"""A mark in the answer leads to the passage that it stands on, and back."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from e2e.questions import ask_and_wait
from fakes import passages
from fakes.orchestrator import Answer, FakeOrchestrator

THREE = "Ships moor at the east quay [1], later in the inner basin [2, 3]. Not [7]."


@pytest.fixture
async def turn(chat: Page, fake: FakeOrchestrator) -> Locator:
    fake.answers.append(Answer(pieces=[THREE], citations=[passages.citation(index) for index in (1, 2, 3)]))
    return await ask_and_wait(chat, "Where?")


def panel(page: Page) -> Locator:
    return page.locator("#passage")


async def test_a_mark_opens_its_passage_with_the_quotation_marked(chat: Page, turn: Locator) -> None:
    await turn.get_by_role("button", name="Source 1: Harbour rules, page 12").first.click()
    opened = chat.get_by_role("dialog", name="Harbour rules")
    await expect(opened).to_be_visible()
    await expect(opened.locator("mark")).to_have_text("Ships moor at the east quay.")
    for fact in ("Source 1 of 3", "harbour-rules.pdf", "Page 12", "Relevance 91 %", "reports to the harbour office"):
        await expect(opened).to_contain_text(fact)


async def test_marks_without_a_passage_stay_text(turn: Locator) -> None:
    await expect(turn.locator("button.mark")).to_have_text(["1", "2", "3"])
    await expect(turn.locator(".prose")).to_contain_text("Not [7].")


async def test_the_keyboard_opens_walks_through_and_closes(chat: Page, turn: Locator) -> None:
    mark = turn.locator("button.mark").nth(1)
    await mark.focus()
    await chat.keyboard.press("Enter")
    await expect(chat.get_by_role("heading", name="Storm plan")).to_be_focused()
    await chat.keyboard.press("Alt+ArrowRight")
    await expect(chat.get_by_role("heading", name="Pilotage")).to_be_focused()
    await chat.keyboard.press("Alt+ArrowRight")  # it is the last one
    await chat.keyboard.press("Alt+ArrowLeft")
    await expect(chat.get_by_role("heading", name="Storm plan")).to_be_focused()
    await chat.keyboard.press("Escape")
    await expect(panel(chat)).to_be_hidden()
    await expect(mark).to_be_focused()


async def test_the_steps_end_at_the_first_and_the_last_source(chat: Page, turn: Locator) -> None:
    await turn.locator("button.mark").first.click()
    previous, following = (chat.get_by_role("button", name=f"{which} source") for which in ("Previous", "Next"))
    await expect(previous).to_be_disabled()
    await following.click()
    await following.click()
    await expect(chat.get_by_role("heading", name="Pilotage")).to_be_focused()
    await expect(following).to_be_disabled()


async def test_a_source_under_the_answer_opens_it_too(chat: Page, turn: Locator) -> None:
    await turn.get_by_role("button", name=re.compile("Storm plan")).last.click()
    await expect(chat.get_by_role("dialog", name="Storm plan")).to_be_visible()


async def test_beside_the_conversation_one_can_go_on_asking(chat: Page, turn: Locator) -> None:
    await turn.locator("button.mark").first.click()
    await ask_and_wait(chat, "And then?")
    await expect(chat.get_by_role("dialog", name="Harbour rules")).to_be_visible()
    await chat.get_by_role("button", name="Close source").click()
    await expect(panel(chat)).to_be_hidden()


async def test_on_a_phone_it_is_a_sheet_over_the_page(chat: Page, turn: Locator) -> None:
    await chat.set_viewport_size({"width": 375, "height": 740})
    mark = turn.locator("button.mark").first
    await mark.click()
    sheet = await panel(chat).bounding_box()
    assert sheet is not None
    assert sheet["width"] == 375
    assert sheet["y"] + sheet["height"] == 740
    await chat.mouse.click(180, 40)  # the dimmed page above it
    await expect(panel(chat)).to_be_hidden()
    await expect(mark).to_be_focused()


async def test_turning_a_tablet_keeps_the_passage_open(chat: Page, turn: Locator) -> None:
    await turn.locator("button.mark").first.click()
    await chat.set_viewport_size({"width": 800, "height": 1100})
    await expect(chat.locator("#passage:modal")).to_be_visible()
    await chat.set_viewport_size({"width": 1280, "height": 860})
    await expect(chat.locator("#passage:modal")).to_have_count(0)
    await expect(panel(chat)).to_be_visible()
    await chat.keyboard.press("Escape")
    await expect(turn.locator("button.mark").first).to_be_focused()


async def test_a_quotation_that_is_not_in_the_passage_is_shown_by_itself(chat: Page, fake: FakeOrchestrator) -> None:
    fake.answers.append(Answer(citations=[passages.citation(1, quote="Ships are moored eastward.")]))
    turn = await ask_and_wait(chat, "Where?")
    await turn.locator("button.mark").click()
    await expect(panel(chat).locator("blockquote")).to_have_text("Ships are moored eastward.")
    await expect(panel(chat)).to_contain_text("On arrival the master reports")


async def test_a_citation_may_lack_title_page_score_and_text(chat: Page, fake: FakeOrchestrator) -> None:
    bare = passages.citation(1, title=None, page=None, score=None, text=None)
    fake.answers.append(Answer(citations=[bare]))
    turn = await ask_and_wait(chat, "Where?")
    await turn.get_by_role("button", name="Source 1: harbour-rules.pdf", exact=True).click()
    await expect(chat.get_by_role("dialog", name="harbour-rules.pdf")).to_be_visible()
    await expect(panel(chat).locator("mark")).to_have_text("Ships moor at the east quay.")
    await expect(panel(chat)).not_to_contain_text("Page")
    await expect(panel(chat)).not_to_contain_text("Relevance")


async def test_fifty_sources_are_folded_and_all_reachable(chat: Page, fake: FakeOrchestrator) -> None:
    text = " ".join(f"Claim {index} [{index}]." for index in range(1, 51))
    fake.answers.append(Answer(pieces=[text], citations=[passages.citation(index) for index in range(1, 51)]))
    turn = await ask_and_wait(chat, "Everything?")
    await expect(turn.locator("button.mark")).to_have_count(50)
    await expect(turn.locator(".source")).to_have_count(4)
    await turn.get_by_role("button", name="Show all 50 sources").click()
    await expect(turn.locator(".source")).to_have_count(50)
    await turn.locator(".source").nth(49).click()
    await expect(panel(chat)).to_contain_text("Source 50 of 50")
    await turn.get_by_role("button", name="Show fewer sources").click()
    await expect(turn.locator(".source")).to_have_count(4)
