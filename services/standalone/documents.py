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


@dataclass(frozen=True)
class Found:
    """What is in the default store."""

    store: str
    completed: int
    failed: int
    failures: tuple[str, ...] = ()

    def summary(self) -> str:
        """In a few words."""
        return f"{self.completed} files" + (f", {self.failed} left out" if self.failed else "")


async def indexed(components: Components, progress: Callable[[str, int, int], None]) -> Found:
    """Poll the default store until the worker has gone through the folders and no file is in progress."""
    api = _Api(components)
    while True:
        store = await api.store()
        if store is not None:
            counts = store["file_counts"]
            progress("indexing", counts["total"] - counts["in_progress"], counts["total"])
            if counts["in_progress"] == 0 and await api.synced():
                store = await api.store() or store
                counts = store["file_counts"]
                failures = await api.failures(store["id"]) if counts["failed"] else ()
                return Found(store["id"], counts["completed"], counts["failed"], failures)
        await asyncio.sleep(POLL_S)


class _Api:
    def __init__(self, components: Components) -> None:
        self._port = components.settings.orchestrator_port
        self._worker_port = components.settings.ingestion_port
        self._headers = {"authorization": f"Bearer {components.home.secret('service-key')}"}

    async def store(self) -> dict[str, Any] | None:
        """The default store, the oldest of its name; None before the worker has made it."""
        listed = await self._get("/v1/vector_stores?order=asc&limit=100")
        return next((store for store in listed["data"] if store["name"] == STORE), None)

    async def synced(self) -> bool:
        """Whether the worker has gone through its folders since it started."""
        return True

    async def failures(self, store: str) -> tuple[str, ...]:
        """Why files are left out, by name."""
        listed = await self._get(f"/v1/vector_stores/{store}/files?filter=failed&limit={SHOWN_FAILURES}")
        reasons: list[str] = []
        for attached in listed["data"]:
            named = await self._get(f"/v1/files/{attached['id']}")
            reasons.append(
                f"{named['filename']}: {(attached.get('last_error') or {}).get('message', 'no reason given')}"
            )
        return tuple(reasons)

    async def _get(self, path: str) -> dict[str, Any]:
        status, answer = await loopback.request(self._port, path, headers=self._headers)
        if status != 200 or not isinstance(answer, dict):
            raise StartRefused(f"the orchestrator answered GET {path} with {status}: {str(answer)[:300]}")
        return answer
