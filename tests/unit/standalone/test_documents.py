"""What is said about the documents at the end of a start: how many, and why the rest is missing."""

from typing import Any

import pytest

from standalone import documents, loopback
from standalone.documents import Found

SOURCE = {"path": "/docs", "state": "ok", "error": None, "counts": {"skipped": 0}, "unreadable": []}


def serve(monkeypatch: pytest.MonkeyPatch, source: dict[str, Any], counts: dict[str, int]) -> None:
    answers: dict[str, Any] = {
        "/v1/sources": {"data": [SOURCE | source]},
        "/v1/vector_stores": {"data": [{"id": "vs_1", "name": "default", "file_counts": counts}]},
        "/v1/vector_stores/vs_1/files": {"data": [{"id": "f", "last_error": {"message": "The file is empty."}}]},
        "/v1/files/f": {"filename": "blank.txt"},
    }

    async def request(port: int, path: str, **_: object) -> tuple[int, Any]:
        return 200, answers[path.partition("?")[0]]

    monkeypatch.setattr(loopback, "request", request)


class Parts:
    """The little of `Components` that is asked for."""

    class settings:
        orchestrator_port, ingestion_port = 1, 2

    class home:
        @staticmethod
        def secret(_: str) -> str:
            return "key"


async def found(monkeypatch: pytest.MonkeyPatch, source: dict[str, Any], **counts: int) -> Found:
    serve(monkeypatch, source, {"completed": 0, "failed": 0, "in_progress": 0, "total": 0} | counts)
    return await documents.indexed(Parts(), lambda *_: None)  # type: ignore[arg-type]


async def test_unreadable_and_failed_files_have_their_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    unreadable = [{"path": f"{number}.txt", "message": "No permission."} for number in range(7)]
    seen = await found(monkeypatch, {"unreadable": unreadable, "counts": {"skipped": 3}}, completed=2, failed=1)
    assert seen.summary() == "2 files, 8 left out, 3 of other kinds or outside the folder"
    assert seen.reasons[0] == "0.txt: No permission."
    assert seen.reasons[-2:] == ("blank.txt: The file is empty.", "and 2 more")


async def test_a_folder_that_is_gone_is_the_first_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = await found(monkeypatch, {"state": "failed", "error": "The folder does not exist."}, completed=1)
    assert seen == Found("vs_1", 1, reasons=("/docs: The folder does not exist.",))


async def test_an_empty_folder_is_nothing_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await found(monkeypatch, {})).summary() == "0 files"
