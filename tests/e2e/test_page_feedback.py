"""Thumbs under an answer: one click counts, a reason is optional, a change replaces, a failure is said."""

import pytest
from playwright.async_api import Locator, Page, expect

from e2e.questions import ask_and_wait
from fakes.orchestrator import TRACE_ID, Failure, FakeOrchestrator


@pytest.fixture
async def turn(chat: Page) -> Locator:
    return await ask_and_wait(chat, "Where?")


def thumb(turn: Locator, which: str) -> Locator:
    return turn.get_by_role("button", name=f"{which} answer", exact=True)


async def test_a_thumb_is_enough(turn: Locator, fake: FakeOrchestrator) -> None:
    await expect(thumb(turn, "Good")).to_have_attribute("aria-pressed", "false")
    await thumb(turn, "Good").click()
    await expect(thumb(turn, "Good")).to_have_attribute("aria-pressed", "true")
    await expect(turn).to_contain_text("Thank you")
    assert fake.feedback == [{"trace_id": TRACE_ID, "value": "up"}]


async def test_a_reason_can_be_given_in_own_or_ready_words(turn: Locator, fake: FakeOrchestrator) -> None:
    await thumb(turn, "Bad").click()
    await turn.get_by_role("button", name="Incomplete").click()
    reason = turn.get_by_label("What was wrong? (optional)")
    await expect(reason).to_be_focused()
    await expect(reason).to_have_value("Incomplete")
    await reason.fill("Incomplete: the west quay is missing")
    await reason.press("Enter")
    await expect(reason).to_be_hidden()
    await expect(thumb(turn, "Bad")).to_be_focused()
    assert fake.feedback[-1] == {
        "trace_id": TRACE_ID,
        "value": "down",
        "rationale": "Incomplete: the west quay is missing",
    }


async def test_a_vote_can_be_changed(turn: Locator, fake: FakeOrchestrator) -> None:
    await thumb(turn, "Good").click()
    await expect(turn).to_contain_text("Thank you")
    await thumb(turn, "Bad").click()
    await expect(thumb(turn, "Bad")).to_have_attribute("aria-pressed", "true")
    await expect(thumb(turn, "Good")).to_have_attribute("aria-pressed", "false")
    assert [vote["value"] for vote in fake.feedback] == ["up", "down"]


async def test_a_vote_is_still_there_after_a_reload(chat: Page, turn: Locator, fake: FakeOrchestrator) -> None:
    await thumb(turn, "Good").click()
    await expect(turn).to_contain_text("Thank you")
    await chat.reload()
    await expect(thumb(turn, "Good")).to_have_attribute("aria-pressed", "true")
    assert len(fake.feedback) == 1


async def test_a_vote_that_could_not_be_kept_is_taken_back(turn: Locator, fake: FakeOrchestrator) -> None:
    fake.failures.append(Failure("POST /v1/feedback", 503, "Feedback is not taken now."))
    await thumb(turn, "Good").click()
    await expect(turn).to_contain_text("Not saved: Feedback is not taken now.")
    await expect(thumb(turn, "Good")).to_have_attribute("aria-pressed", "false")
    await thumb(turn, "Good").click()
    await expect(turn).to_contain_text("Thank you")


async def test_a_reason_that_could_not_be_kept_stays_written(turn: Locator, fake: FakeOrchestrator) -> None:
    await thumb(turn, "Bad").click()
    reason = turn.get_by_label("What was wrong? (optional)")
    await reason.fill("It is the west quay")
    fake.failures.append(Failure("POST /v1/feedback", 503, "Feedback is not taken now."))
    await reason.press("Enter")
    await expect(turn).to_contain_text("Not saved")
    await expect(reason).to_have_value("It is the west quay")
    await expect(thumb(turn, "Bad")).to_have_attribute("aria-pressed", "true")  # the vote itself was kept
    await reason.press("Enter")
    await expect(reason).to_be_hidden()
    assert fake.feedback[-1]["rationale"] == "It is the west quay"


async def test_escape_leaves_the_vote_without_a_reason(turn: Locator, fake: FakeOrchestrator) -> None:
    await thumb(turn, "Good").click()
    reason = turn.get_by_label("What was good? (optional)")
    await reason.press("Escape")
    await expect(reason).to_be_hidden()
    await expect(thumb(turn, "Good")).to_be_focused()
    assert len(fake.feedback) == 1
