"""Documents on the chat page: what is there, how new ones get in, what became of them, and how they go."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from e2e.questions import ask_and_wait
from fakes.orchestrator import Failure, FakeOrchestrator, Gate, StoredFile

DROP = """(files) => {
    const transfer = new DataTransfer();
    for (const [name, text] of files) transfer.items.add(new File([text], name));
    for (const type of ["dragenter", "dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}));
    }
}"""


def documents(page: Page) -> Locator:
    return page.get_by_role("list", name="Documents").locator(".document")


def uploads(page: Page) -> Locator:
    return page.get_by_role("list", name="Uploads").locator(".document")


async def choose(page: Page, *names: str) -> None:
    files = [{"name": name, "mimeType": "text/plain", "buffer": b"Ships moor."} for name in names]
    await page.locator("#picker").set_input_files(files)


@pytest.fixture
def read_refusing(fake: FakeOrchestrator) -> None:
    """Reading fails, with a reason."""

    def refuse(file: StoredFile) -> None:
        file.status, file.reason = "failed", "The PDF is encrypted; save it without a password."

    fake.read = refuse


async def test_the_documents_are_listed_newest_first_with_their_count(chat: Page) -> None:
    names = documents(chat).locator(".document-name")
    await expect(names).to_have_count(6)
    await expect(names.first).to_have_text("safety-briefing.txt")
    await expect(chat.locator("#document-count")).to_have_text("6")


async def test_an_upload_is_sent_read_and_listed(chat: Page, fake: FakeOrchestrator) -> None:
    fake.upload_gate, fake.reading_gate = Gate(), Gate()
    await choose(chat, "berths.txt")
    await expect(uploads(chat)).to_contain_text("berths.txt")
    await expect(uploads(chat)).to_contain_text("Saving…")
    fake.upload_gate.set()
    await expect(uploads(chat)).to_contain_text("Reading and indexing…")
    await expect(documents(chat)).to_have_count(6)  # the same file does not stand there twice
    fake.reading_gate.set()
    await expect(documents(chat).first).to_contain_text("berths.txt")
    await expect(documents(chat)).to_have_count(7)
    await expect(uploads(chat)).to_have_count(0)
    await expect(chat.locator("#document-count")).to_have_text("7")
    await expect(chat.locator("#announcer")).to_have_text("berths.txt is ready to be asked about.")


async def test_files_can_be_dropped_anywhere(chat: Page, fake: FakeOrchestrator) -> None:
    await chat.evaluate(DROP, [["one.txt", "Ships"], ["two.md", "moor"]])
    await expect(documents(chat)).to_have_count(8)
    assert sorted(file.name for file in fake.uploaded.values()) == ["one.txt", "two.md"]
    await expect(chat.locator("#drop-veil")).to_be_hidden()


async def test_what_is_dragged_without_files_is_no_upload(chat: Page) -> None:
    text = "new DataTransfer()"
    await chat.evaluate(
        f"document.body.dispatchEvent(new DragEvent('dragenter', {{dataTransfer: {text}, bubbles: true}}))"
    )
    await expect(chat.locator("#drop-veil")).to_be_hidden()


async def test_a_few_files_are_sent_at_once_the_others_wait(chat: Page, fake: FakeOrchestrator) -> None:
    fake.upload_gate = Gate()
    await choose(chat, *(f"part-{number}.txt" for number in range(8)))
    await expect(uploads(chat).filter(has_text="Waiting")).to_have_count(5)
    await expect(uploads(chat)).to_have_count(8)
    fake.upload_gate.set()
    await expect(uploads(chat)).to_have_count(0)
    await expect(documents(chat)).to_have_count(14)


async def test_progress_is_shown_while_bytes_leave(chat: Page, tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    large.write_bytes(b"Ships moor. " * 500_000)
    session = await chat.context.new_cdp_session(chat)
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    await session.send("Network.enable")
    await session.send("Network.emulateNetworkConditions", slow)
    await chat.locator("#picker").set_input_files(large)
    await expect(uploads(chat)).to_contain_text(re.compile(r"Uploading, [1-9]\d? %"))
    assert 0 < float(await uploads(chat).get_by_role("progressbar").get_attribute("value") or 0) < 1
    await uploads(chat).get_by_role("button", name="Cancel the upload of large.txt").click()
    await expect(uploads(chat)).to_contain_text("Cancelled")


async def test_cancelling_while_it_is_read_takes_it_back(chat: Page, fake: FakeOrchestrator) -> None:
    fake.reading_gate = Gate()
    await choose(chat, "berths.txt")
    await expect(uploads(chat)).to_contain_text("Reading and indexing…")
    async with chat.expect_response(lambda r: r.request.method == "DELETE" and "/v1/files/" in r.url):
        await uploads(chat).get_by_role("button", name="Cancel the upload of berths.txt").click()
    await expect(uploads(chat)).to_contain_text("Cancelled")
    assert fake.uploaded == {}
    assert len(fake.stores["vs_harbour"]) == 6
    await uploads(chat).get_by_role("button", name="Hide berths.txt").click()
    await expect(uploads(chat)).to_have_count(0)


async def test_a_waiting_upload_can_be_cancelled_before_it_begins(chat: Page, fake: FakeOrchestrator) -> None:
    fake.upload_gate = Gate()
    await choose(chat, "a.txt", "b.txt", "c.txt", "d.txt")
    await uploads(chat).get_by_role("button", name="Cancel the upload of d.txt").click()
    await expect(uploads(chat).filter(has_text="d.txt")).to_contain_text("Cancelled")
    fake.upload_gate.set()
    await expect(documents(chat)).to_have_count(9)
    assert sorted(file.name for file in fake.uploaded.values()) == ["a.txt", "b.txt", "c.txt"]


@pytest.mark.usefixtures("read_refusing")
async def test_a_document_that_cannot_be_read_says_why_and_the_others_go_on(chat: Page, fake: FakeOrchestrator) -> None:
    await choose(chat, "secret.pdf")
    row = documents(chat).filter(has_text="secret.pdf")
    await expect(row).to_contain_text("The PDF is encrypted; save it without a password.")
    await expect(uploads(chat)).to_have_count(0)
    fake.read = lambda file: setattr(file, "status", "completed")
    await choose(chat, "open.pdf")
    await expect(documents(chat)).to_have_count(8)
    await expect(row).to_contain_text("The PDF is encrypted")


async def test_an_upload_that_is_refused_says_why_and_can_be_tried_again(chat: Page, fake: FakeOrchestrator) -> None:
    fake.failures.append(Failure("POST /v1/files", 413, "The file is over the limit of 50 MB."))
    await choose(chat, "large.pdf")
    await expect(uploads(chat)).to_contain_text("The file is over the limit of 50 MB.")
    await uploads(chat).get_by_role("button", name="Upload large.pdf again").click()
    await expect(documents(chat)).to_have_count(7)
    await expect(uploads(chat)).to_have_count(0)


async def test_a_file_over_the_limit_is_refused_before_it_is_sent(page: Page, fake: FakeOrchestrator) -> None:
    fake.max_upload_bytes = 3 * 1024 * 1024
    await page.goto(fake.address)
    await expect(documents(page)).to_have_count(6)
    large = {"name": "large.pdf", "mimeType": "application/pdf", "buffer": b"x" * (fake.max_upload_bytes + 1)}
    await page.locator("#picker").set_input_files(large)
    await expect(uploads(page)).to_contain_text("The file is larger than 3 MB.")
    assert fake.uploaded == {}


async def test_several_knowledge_bases_of_an_application_are_asked_together(page: Page, fake: FakeOrchestrator) -> None:
    fake.add_store("vs_pilots", "Pilots", StoredFile("file-p", "pilots.txt"))
    fake.models[0]["fairlead"]["stores"] = ["Harbour handbook", "Pilots"]
    await page.goto(fake.address)
    choice = page.get_by_role("combobox", name="Knowledge base")
    await expect(choice.locator("option")).to_have_text(["All of fairlead", "Harbour handbook", "Pilots"])
    await ask_and_wait(page, "Who?")
    assert "vector_store_ids" not in fake.requests[0]
    await choice.select_option("Pilots")
    await ask_and_wait(page, "Who?")
    assert fake.requests[1]["vector_store_ids"] == ["vs_pilots"]


async def test_a_status_that_cannot_be_read_once_is_asked_again(chat: Page, fake: FakeOrchestrator) -> None:
    fake.failures += [Failure("GET /v1/vector_stores/vs_harbour/files/file-1", 503)] * 2
    await choose(chat, "berths.txt")
    await expect(documents(chat)).to_have_count(7)


async def test_a_document_being_read_by_someone_else_is_followed(page: Page, fake: FakeOrchestrator) -> None:
    synced = StoredFile("file-synced", "synced.md", status="in_progress")
    fake.stores["vs_harbour"][synced.id] = synced
    await page.goto(fake.address)
    row = documents(page).filter(has_text="synced.md")
    await expect(row).to_contain_text("Being read…")
    synced.status = "completed"
    await expect(row).not_to_contain_text("Being read…")


async def test_deleting_asks_first(chat: Page, fake: FakeOrchestrator) -> None:
    row = documents(chat).filter(has_text="pilotage.md")
    await row.get_by_role("button", name="Delete pilotage.md").click()
    dialog = chat.get_by_role("alertdialog", name="Delete this document?")
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(documents(chat)).to_have_count(6)
    await row.get_by_role("button", name="Delete pilotage.md").click()
    await chat.keyboard.press("Escape")
    await expect(documents(chat)).to_have_count(6)
    assert len(fake.stores["vs_harbour"]) == 6


async def test_deleting_takes_it_out_and_away(chat: Page, fake: FakeOrchestrator) -> None:
    await documents(chat).get_by_role("button", name="Delete pilotage.md").click()
    async with chat.expect_response(lambda r: r.request.method == "DELETE" and "/v1/files/" in r.url):
        await chat.get_by_role("button", name="Delete", exact=True).click()
    await expect(documents(chat)).to_have_count(5)
    await expect(chat.locator("#document-count")).to_have_text("5")
    assert "file-pilotage.md" not in fake.stores["vs_harbour"]


async def test_a_document_that_another_knowledge_base_uses_keeps_its_bytes(page: Page, fake: FakeOrchestrator) -> None:
    shared = fake.stores["vs_harbour"]["file-pilotage.md"]
    fake.uploaded[shared.id] = shared
    fake.add_store("vs_pilots", "Pilots", shared)
    await page.goto(fake.address)
    await documents(page).get_by_role("button", name="Delete pilotage.md").click()
    async with page.expect_response(lambda r: "vs_pilots/files/file-pilotage.md" in r.url):
        await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(documents(page)).to_have_count(5)
    assert shared.id in fake.uploaded
    assert shared.id in fake.stores["vs_pilots"]


async def test_a_deletion_that_fails_is_said(chat: Page, fake: FakeOrchestrator) -> None:
    fake.failures.append(Failure("DELETE .*", 503, "The index is being rebuilt."))
    await documents(chat).get_by_role("button", name="Delete pilotage.md").click()
    await chat.get_by_role("button", name="Delete", exact=True).click()
    await expect(chat.locator("#documents-note")).to_contain_text("could not be deleted: The index is being rebuilt.")
    await expect(documents(chat)).to_have_count(6)


async def test_a_long_list_comes_in_pages_and_can_be_searched_whole(page: Page, fake: FakeOrchestrator) -> None:
    files = [StoredFile(f"file-{number:03}", f"report-{number:03}.pdf") for number in range(130)]
    fake.add_store("vs_harbour", "Harbour handbook", *files)
    await page.goto(fake.address)
    await expect(documents(page)).to_have_count(50)
    await page.get_by_role("button", name="Show more documents").click()
    await expect(documents(page)).to_have_count(100)
    await page.get_by_label("Find a document by name").fill("REPORT-00")
    await expect(documents(page)).to_have_count(10)  # the oldest ones, from the page that was not shown yet
    await page.get_by_label("Find a document by name").fill("nothing")
    await expect(page.locator("#documents-note")).to_have_text("No document has such a name.")


async def test_another_knowledge_base_can_be_chosen_and_is_asked(page: Page, fake: FakeOrchestrator) -> None:
    fake.add_store("vs_pilots", "Pilots", StoredFile("file-p", "pilots.txt"))
    await page.goto(fake.address)
    await page.get_by_role("combobox", name="Knowledge base").select_option("Pilots")
    await expect(documents(page)).to_have_count(1)
    await expect(page.locator("#welcome")).to_contain_text("Pilots")
    await ask_and_wait(page, "Who?")
    assert fake.requests[0]["vector_store_ids"] == ["vs_pilots"]
    await choose(page, "more.txt")
    await expect(documents(page)).to_have_count(2)
    assert len(fake.stores["vs_harbour"]) == 6


async def test_another_application_can_be_chosen(page: Page, fake: FakeOrchestrator) -> None:
    fake.add_store("vs_pilots", "Pilots", StoredFile("file-p", "pilots.txt"))
    own = {"stores": ["Pilots"], "questions": ["Who is on duty?"]}
    fake.models.append({"id": "pilots", "object": "model", "fairlead": own})
    await page.goto(fake.address)
    await page.get_by_role("combobox", name="Application").select_option("pilots")
    await expect(documents(page)).to_have_count(1)
    await page.get_by_role("button", name="Who is on duty?").click()
    await expect(page.locator(".turn")).to_have_attribute("data-state", "done")
    assert fake.requests[0]["model"] == "pilots"
    assert "vector_store_ids" not in fake.requests[0]


async def test_the_first_upload_makes_the_first_knowledge_base(page: Page, fake: FakeOrchestrator) -> None:
    fake.stores.clear()
    fake.models[0].pop("fairlead")
    await page.goto(fake.address)
    await expect(page.get_by_role("heading", name="Add your first documents")).to_be_visible()
    await choose(page, "berths.txt")
    await expect(documents(page)).to_have_count(1)
    assert list(fake.store_names.values())[-1] == "default"


async def test_leaving_the_page_during_an_upload_is_asked_about(chat: Page, fake: FakeOrchestrator) -> None:
    fake.upload_gate = Gate()
    await choose(chat, "berths.txt")
    await expect(uploads(chat)).to_contain_text("Saving…")
    async with chat.expect_event("dialog") as asked:
        await chat.close(run_before_unload=True)
    dialog = await asked.value
    assert dialog.type == "beforeunload"
    await dialog.dismiss()
    fake.upload_gate.set()
    await expect(documents(chat)).to_have_count(7)
