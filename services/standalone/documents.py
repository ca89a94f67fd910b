"""Waits until the documents of the configured folders are indexed, over the same API that everyone uses."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from standalone import loopback
from standalone.components import Components
from standalone.errors import StartRefused

STORE = "default"
POLL_S = 0.2
SHOWN_FAILURES = 5
KINDS = ".txt, .md, .html, .pdf or .docx"
# A folder that cannot be read is looked at again and again; the start does not wait for that.
LOOKED_THROUGH = ("ok", "failed")
NO_FILES = {"completed": 0, "failed": 0, "in_progress": 0, "total": 0}


@dataclass(frozen=True)
class Found:
    """What is in the default store, and why the rest is not."""

    store: str | None
    completed: int
    left_out: int = 0
    other_kinds: int = 0
    reasons: tuple[str, ...] = ()

    def summary(self) -> str:
        """In a few words."""
        parts = [f"{self.completed} file{'' if self.completed == 1 else 's'}"]
        parts += [f"{self.left_out} left out"] if self.left_out else []
        parts += [f"{self.other_kinds} of other kinds or outside the folder"] if self.other_kinds else []
        return ", ".join(parts)


async def indexed(components: Components, progress: Callable[[str, int, int], None]) -> Found:
    """Wait until the worker has looked through every folder and no file of the default store is in progress."""
    api = _Api(components)
    while True:
        # In this order: what a folder's look found is in the store's counts when the look is over.
        sources = await api.sources()
        store = await api.store()
        counts = store["file_counts"] if store else NO_FILES
        progress("indexing documents", counts["total"] - counts["in_progress"], counts["total"])
        if counts["in_progress"] == 0 and all(source["state"] in LOOKED_THROUGH for source in sources):
            return await _found(api, sources, store, counts)
        await asyncio.sleep(POLL_S)


async def _found(
    api: "_Api", sources: list[dict[str, Any]], store: dict[str, Any] | None, counts: dict[str, int]
) -> Found:
    unreadable = [entry for source in sources for entry in source["unreadable"]]
    reasons = [f"{entry['path']}: {entry['message']}" for entry in unreadable[:SHOWN_FAILURES]]
    if store and counts["failed"]:
        reasons += await api.failures(store["id"])
    left_out = counts["failed"] + len(unreadable)
    if left_out > len(reasons):
        reasons.append(f"and {left_out - len(reasons)} more")
    reasons = [f"{source['path']}: {source['error']}" for source in sources if source["error"]] + reasons
    return Found(
        store["id"] if store else None,
        counts["completed"],
        left_out,
        sum(source["counts"]["skipped"] for source in sources),
        tuple(reasons),
    )


class _Api:
    def __init__(self, components: Components) -> None:
        self._port = components.settings.orchestrator_port
        self._worker_port = components.settings.ingestion_port
        self._headers = {"authorization": f"Bearer {components.home.secret('service-key')}"}

    async def store(self) -> dict[str, Any] | None:
        """The default store, the oldest of its name; None before the worker has made it."""
        listed = await self._get("/v1/vector_stores?order=asc&limit=100")
        return next((store for store in listed["data"] if store["name"] == STORE), None)

    async def sources(self) -> list[dict[str, Any]]:
        """How the worker's folders stand."""
        return (await self._get("/v1/sources", self._worker_port))["data"]

    async def failures(self, store: str) -> list[str]:
        """Why files are left out, by name."""
        listed = await self._get(f"/v1/vector_stores/{store}/files?filter=failed&limit={SHOWN_FAILURES}")
        reasons: list[str] = []
        for attached in listed["data"]:
            named = await self._get(f"/v1/files/{attached['id']}")
            reasons.append(
                f"{named['filename']}: {(attached.get('last_error') or {}).get('message', 'no reason given')}"
            )
        return reasons

    async def _get(self, path: str, port: int | None = None) -> dict[str, Any]:
        status, answer = await loopback.request(port or self._port, path, headers=self._headers)
        if status != 200 or not isinstance(answer, dict):
            raise StartRefused(f"GET {path} was answered with {status}: {str(answer)[:300]}")
        return answer
