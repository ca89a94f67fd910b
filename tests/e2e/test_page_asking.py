"""Asking on the chat page: answers stream, can be stopped and asked again, and follow one another."""

from playwright.async_api import Page, expect

from e2e.questions import ask, ask_and_wait
from fakes import passages
from fakes.orchestrator import CONFIG_HASH, TRACE_ID, Answer, FakeOrchestrator, Gate


async def test_an_answer_is_readable_while_it_is_still_being_written(chat: Page, fake: FakeOrchestrator) -> None:
    rest = Gate()
    fake.answers.append(Answer(pieces=["Ships moor at the **east quay** [1]", rest, " during a storm."]))
    turn = await ask(chat, "Where may ships moor?")
    await expect(turn.locator(".prose")).to_have_text("Ships moor at the east quay 1")
    await expect(turn.locator(".prose strong")).to_have_text("east quay")
    await expect(turn.locator("button.mark")).to_have_count(0)  # what it stands for is not known yet
    await expect(chat.get_by_role("button", name="Stop the answer")).to_be_visible()
    rest.set()
    await expect(turn.locator(".prose")).to_have_text("Ships moor at the east quay 1 during a storm.")
    await expect(turn.get_by_role("button", name="Source 1: Harbour rules, page 12")).to_be_visible()
    await expect(chat.get_by_role("button", name="Ask", exact=True)).to_be_visible()


async def test_bytes_may_be_cut_anywhere(chat: Page, fake: FakeOrchestrator) -> None:
    text = "Fähren, 渡し船 and 🚢 leave at noon — «always» [1]."
    fake.answers.append(Answer(pieces=[text[:9], text[9:]], bytes_per_write=1))
    turn = await ask_and_wait(chat, "When?")
    await expect(turn.locator(".prose")).to_have_text(text.replace("[1]", "1"))


async def test_stopping_keeps_what_came_and_tells_the_server(chat: Page, fake: FakeOrchestrator) -> None:
    fake.answers.append(Answer(pieces=["Ships moor", Gate(), " never"]))
    turn = await ask(chat, "Where?")
    await expect(turn.locator(".prose")).to_have_text("Ships moor")
    await chat.get_by_role("button", name="Stop the answer").click()
    await expect(turn).to_contain_text("You stopped this answer")
    await expect(turn.locator(".prose")).to_have_text("Ships moor")
    await fake.disconnected.wait()

    await turn.get_by_role("button", name="Ask again").click()
    await expect(turn).to_have_attribute("data-state", "done")
    await expect(turn.locator(".prose")).to_have_text("Ships moor at the east quay 1.")
    assert fake.requests[1]["messages"] == fake.requests[0]["messages"]


async def test_a_question_can_be_stopped_before_anything_comes(chat: Page, fake: FakeOrchestrator) -> None:
    never = Gate()
    fake.answers.append(Answer(before_head=never))
    turn = await ask(chat, "Where?")
    await expect(turn).to_contain_text("Searching the documents")
    await chat.get_by_role("button", name="Stop the answer").click()
    await expect(turn).to_contain_text("You stopped this question")
    never.set()


async def test_a_long_wait_gets_a_word(page: Page, fake: FakeOrchestrator) -> None:
    await page.clock.install()
    await page.goto(fake.address)
    late = Gate()
    fake.answers.append(Answer(before_head=late))
    turn = await ask(page, "Where?")
    await expect(turn).to_contain_text("Searching the documents")
    await page.clock.fast_forward(9_000)
    await expect(turn).to_contain_text("takes longer than usual")
    late.set()
    await page.clock.run_for(100)
    await expect(turn.locator(".progress")).to_be_hidden()


async def test_a_follow_up_carries_what_was_said(chat: Page, fake: FakeOrchestrator) -> None:
    await ask_and_wait(chat, "Where may ships moor?")
    await ask_and_wait(chat, "And at night?")
    assert fake.requests[1]["messages"] == [
        {"role": "user", "content": "Where may ships moor?"},
        {"role": "assistant", "content": "Ships moor at the east quay [1]."},
        {"role": "user", "content": "And at night?"},
    ]
    assert fake.requests[1]["model"] == "fairlead"
    assert fake.requests[1]["stream"] is True
    assert "vector_store_ids" not in fake.requests[1]  # the application's own knowledge base


async def test_enter_sends_shift_enter_breaks_the_line(chat: Page, fake: FakeOrchestrator) -> None:
    question = chat.get_by_label("Your question")
    await question.press_sequentially("one")
    await question.press("Shift+Enter")
    await question.press_sequentially("two")
    await question.press("Enter")
    await expect(chat.locator(".question")).to_have_text("one\ntwo")
    await expect(question).to_have_value("")
    await question.press("Enter")
    await expect(chat.locator(".turn")).to_have_count(1)  # nothing to ask
    assert fake.requests[0]["messages"][0]["content"] == "one\ntwo"


async def test_enter_that_confirms_an_input_methods_character_does_not_send(chat: Page) -> None:
    question = chat.get_by_label("Your question")
    await question.fill("みなと")
    composing = "new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true, cancelable: true})"
    assert await question.evaluate(f"(field) => field.dispatchEvent({composing})")  # not prevented
    await expect(chat.locator(".turn")).to_have_count(0)


async def test_the_empty_page_offers_the_applications_questions(chat: Page, fake: FakeOrchestrator) -> None:
    examples = chat.get_by_role("list", name="Example questions").get_by_role("button")
    await expect(examples).to_have_text(list(passages.QUESTIONS))
    await expect(chat.locator("#welcome")).to_contain_text("Harbour handbook")
    await examples.nth(1).click()
    await expect(chat.locator(".question")).to_have_text(passages.QUESTIONS[1])
    await expect(chat.locator("#welcome")).to_be_hidden()


async def test_questions_that_the_documents_do_not_answer_are_not_offered(page: Page, fake: FakeOrchestrator) -> None:
    fake.scores = {passages.QUESTIONS[0]: 0.1, passages.QUESTIONS[2]: 0.3}
    await page.goto(fake.address)
    examples = page.get_by_role("list", name="Example questions").get_by_role("button")
    await expect(examples).to_have_text([passages.QUESTIONS[1], passages.QUESTIONS[3]])


async def test_a_knowledge_base_without_documents_says_what_to_do(page: Page, fake: FakeOrchestrator) -> None:
    fake.stores["vs_harbour"].clear()
    await page.goto(fake.address)
    await expect(page.get_by_role("heading", name="Add your first documents")).to_be_visible()
    await expect(page.locator("#no-documents")).to_be_visible()


async def test_the_details_name_what_made_the_answer(chat: Page) -> None:
    turn = await ask_and_wait(chat, "Where?")
    details = turn.locator("details")
    await expect(details.locator("dl")).to_be_hidden()
    await details.locator("summary").click()
    for fact in (TRACE_ID, CONFIG_HASH, "812 read, 42 written", "fairlead"):
        await expect(details).to_contain_text(fact)
    link = details.get_by_role("link", name="Open")
    await expect(link).to_have_attribute("href", f"http://traces.example/#/traces/tr-{TRACE_ID}")


async def test_a_trace_link_that_is_no_web_address_is_not_offered(page: Page, fake: FakeOrchestrator) -> None:
    fake.trace_url = "javascript:alert('{trace_id}')"
    await page.goto(fake.address)
    await expect(page.locator(".document").first).to_be_visible()
    turn = await ask_and_wait(page, "Where?")
    await turn.locator("summary").click()
    await expect(turn.locator("details")).to_contain_text(TRACE_ID)
    await expect(turn.get_by_role("link")).to_have_count(0)


async def test_trace_id_and_answer_can_be_copied(chat: Page) -> None:
    await chat.context.grant_permissions(["clipboard-read", "clipboard-write"])
    turn = await ask_and_wait(chat, "Where?")
    await turn.get_by_role("button", name="Copy answer").click()
    await expect(turn.get_by_role("button", name="Copied")).to_be_visible()
    assert await chat.evaluate("navigator.clipboard.readText()") == "Ships moor at the east quay [1]."
    await turn.locator("summary").click()
    await turn.get_by_role("button", name="Copy trace id").click()
    await expect(turn.get_by_role("button", name="Copied")).to_have_count(2)
    assert await chat.evaluate("navigator.clipboard.readText()") == TRACE_ID


async def test_a_reload_keeps_the_conversation_and_a_new_one_clears_it(chat: Page, fake: FakeOrchestrator) -> None:
    await ask_and_wait(chat, "Where may ships moor?")
    await chat.reload()
    turn = chat.locator(".turn")
    await expect(turn.locator(".prose")).to_have_text("Ships moor at the east quay 1.")
    await expect(turn.get_by_role("button", name="Source 1: Harbour rules, page 12")).to_be_visible()
    await ask_and_wait(chat, "And at night?")
    assert len(fake.requests[1]["messages"]) == 3

    await chat.get_by_role("button", name="New conversation").click()
    await expect(turn).to_have_count(0)
    await expect(chat.locator("#welcome")).to_be_visible()
    await chat.reload()
    await expect(chat.locator(".document").first).to_be_visible()
    await expect(turn).to_have_count(0)


async def test_a_reload_during_an_answer_leaves_it_stopped(chat: Page, fake: FakeOrchestrator) -> None:
    await ask_and_wait(chat, "Where may ships moor?")
    fake.answers.append(Answer(pieces=["So", Gate()]))
    turn = await ask(chat, "And at night?")
    await expect(turn.locator(".prose")).to_have_text("So")
    await chat.reload()
    await expect(chat.locator(".turn")).to_have_count(2)
    await expect(chat.locator(".turn").nth(1)).to_contain_text("You stopped this")


async def test_a_draft_survives_a_reload(chat: Page) -> None:
    await chat.get_by_label("Your question").fill("Half a questi")
    await chat.reload()
    await expect(chat.get_by_label("Your question")).to_have_value("Half a questi")


async def test_a_long_answer_is_read_from_its_question_on(chat: Page, fake: FakeOrchestrator) -> None:
    fake.answers.append(Answer(pieces=[f"Paragraph {number}.\n\n" for number in range(60)]))
    turn = await ask_and_wait(chat, "Tell me everything.")
    await expect(turn.locator(".question")).to_be_in_viewport()
    latest = chat.get_by_role("button", name="Go to the latest answer")
    await latest.click()
    await expect(turn.locator(".sources")).to_be_in_viewport()
    await expect(latest).to_be_hidden()


async def test_one_who_reads_further_up_is_left_alone(chat: Page, fake: FakeOrchestrator) -> None:
    fake.answers.append(Answer(pieces=[f"Paragraph {number}.\n\n" for number in range(60)]))
    first = await ask_and_wait(chat, "Tell me everything.")
    rest = Gate()
    fake.answers.append(Answer(pieces=["Second.", rest, "\n\nAnd more."]))
    second = await ask(chat, "And then?")
    await expect(second.locator(".question")).to_be_in_viewport()
    await first.locator(".question").scroll_into_view_if_needed()
    rest.set()
    await expect(second).to_have_attribute("data-state", "done")
    await expect(first.locator(".question")).to_be_in_viewport()
    await expect(second.locator(".question")).not_to_be_in_viewport()
