"""When an answer cannot be had, the page says why in words, keeps what came, and asks again on request."""

import pytest
from playwright.async_api import Locator, Page, Route, expect

from e2e.questions import ask, ask_and_wait
from fakes.orchestrator import Answer, Failure, FakeOrchestrator, Gate

CHAT = "POST /v1/chat/completions"


async def failed(page: Page, question: str) -> Locator:
    turn = await ask(page, question)
    await expect(turn).to_have_attribute("data-state", "failed")
    return turn


@pytest.mark.parametrize("status", [400, 429, 500, 503])
async def test_the_servers_own_words_are_shown(chat: Page, fake: FakeOrchestrator, status: int) -> None:
    fake.failures.append(Failure(CHAT, status, "The knowledge base is being moved."))
    turn = await failed(chat, "Where?")
    await expect(turn).to_contain_text("There is no answer. The knowledge base is being moved.")


async def test_a_refusal_that_names_a_wait_shows_it(chat: Page, fake: FakeOrchestrator) -> None:
    fake.failures.append(Failure(CHAT, 429, "All models are at their limit.", headers={"retry-after": "7"}))
    await expect(await failed(chat, "Where?")).to_contain_text("Try again in 7 s.")


async def test_asking_again_replaces_the_failure(chat: Page, fake: FakeOrchestrator) -> None:
    fake.failures.append(Failure(CHAT, 503))
    turn = await failed(chat, "Where?")
    await turn.get_by_role("button", name="Ask again").click()
    await expect(turn).to_have_attribute("data-state", "done")
    await expect(turn.locator(".prose")).to_have_text("Ships moor at the east quay 1.")
    await expect(turn).not_to_contain_text("There is no answer")
    await expect(chat.locator(".turn")).to_have_count(1)


async def test_a_failed_turn_is_not_part_of_what_was_said(chat: Page, fake: FakeOrchestrator) -> None:
    fake.failures.append(Failure(CHAT, 503))
    await failed(chat, "Where?")
    await ask_and_wait(chat, "When?")
    assert fake.requests[0]["messages"] == [{"role": "user", "content": "When?"}]


async def test_an_error_within_the_stream_keeps_the_text(chat: Page, fake: FakeOrchestrator) -> None:
    fake.answers.append(Answer(pieces=["Ships moor"], error={"message": "The model stopped.", "code": "upstream"}))
    turn = await failed(chat, "Where?")
    await expect(turn.locator(".prose")).to_have_text("Ships moor")
    await expect(turn).to_contain_text("The answer broke off. The model stopped.")


async def test_a_stream_that_breaks_off_is_not_taken_for_an_answer(chat: Page, fake: FakeOrchestrator) -> None:
    fake.answers.append(Answer(pieces=["Ships moor nowhere"], cut=True))
    turn = await failed(chat, "Where?")
    await expect(turn).to_contain_text("ended before the answer was complete")
    await expect(turn.get_by_role("group", name="Rate this answer")).to_have_count(0)


async def test_a_stream_that_falls_silent_is_given_up(page: Page, fake: FakeOrchestrator) -> None:
    await page.clock.install()
    await page.goto(fake.address)
    fake.answers.append(Answer(pieces=["Ships", Gate()]))
    turn = await ask(page, "Where?")
    await expect(turn.locator(".prose")).to_have_text("Ships")
    await page.clock.fast_forward(61_000)
    await expect(turn).to_contain_text("The answer stopped coming.")
    await fake.disconnected.wait()


async def test_an_answer_in_another_format_is_said_to_be_unreadable(chat: Page) -> None:
    async def gateway(route: Route) -> None:
        await route.fulfill(status=502, body="<html><h1>Bad gateway</h1></html>", content_type="text/html")

    await chat.route("**/v1/chat/completions", gateway)
    await expect(await failed(chat, "Where?")).to_contain_text("The server has a problem at the moment.")


async def test_no_server_at_all(chat: Page) -> None:
    await chat.route("**/v1/chat/completions", lambda route: route.abort("connectionrefused"))
    await expect(await failed(chat, "Where?")).to_contain_text("The server cannot be reached.")


async def test_an_answer_without_generation_shows_the_passages_and_says_so(chat: Page, fake: FakeOrchestrator) -> None:
    fake.answers.append(Answer(pieces=["These passages were found [1]."], degraded=["generate", "rerank"]))
    turn = await ask_and_wait(chat, "Where?")
    await expect(turn).to_contain_text("Answer generation is unavailable; these are the passages found.")
    await expect(turn).to_contain_text("could not be put into their best order")
    await expect(turn.locator(".sources")).to_contain_text("Ships moor at the east quay.")


async def test_a_step_that_this_page_does_not_know_is_named(chat: Page, fake: FakeOrchestrator) -> None:
    fake.answers.append(Answer(degraded=["translate"]))
    await expect(await ask_and_wait(chat, "Where?")).to_contain_text("“translate”")


async def test_an_empty_answer_is_said_to_be_empty(chat: Page, fake: FakeOrchestrator) -> None:
    fake.answers.append(Answer(pieces=[], citations=[]))
    await expect(await ask_and_wait(chat, "Where?")).to_contain_text("The model sent an empty answer.")


async def test_a_stream_of_nothing_but_rubbish_is_an_error_not_a_hang(chat: Page) -> None:
    async def rubbish(route: Route) -> None:
        await route.fulfill(status=200, body="data: {not json\n\n", content_type="text/event-stream")

    await chat.route("**/v1/chat/completions", rubbish)
    await expect(await failed(chat, "Where?")).to_contain_text("The server's answer could not be read.")
