"""The ingestion worker as a process of its own, which tests may start, stop and kill, on a folder of documents."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import yaml

from common.postgres import Pool
from conftest import Database, free_port
from fakes.pool import FakePool
from vector_store.catalog import Catalog
from vector_store.models import Scope, SearchRequest, Store, StoreFile
from vector_store.objects import Objects
from vector_store.postgres_engine import PostgresChunkStore

SCOPE = Scope("default", None)
PATIENCE_S = 60.0
LOOK_EVERY_S = 0.05


@dataclass
class Bench:
    """A worker's surroundings: database, models, a folder that is its only source, and itself."""

    folder: Path
    work: Path
    database: Database
    models: FakePool
    pool: Pool
    catalog: Catalog
    chunks: PostgresChunkStore
    objects: Objects
    tunables: dict[str, Any] = field(default_factory=dict[str, Any])
    store_name: str = "default"
    drain_s: int = 10
    port: int = field(default_factory=free_port)
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list["subprocess.Popen[bytes]"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "FAIRLEAD_PORT": str(self.port),
            "FAIRLEAD_DATABASE_URL": self.database.app_url,
            "FAIRLEAD_OBJECTS_URL": (self.work / "objects").as_uri(),
            "FAIRLEAD_POOL_URL": self.models.url,
            "FAIRLEAD_CONFIG_FILE": str(self.work / "ingestion.yaml"),
            "FAIRLEAD_HEARTBEAT_S": "0.5",
            "FAIRLEAD_STALLED_AFTER_S": "2",
            "FAIRLEAD_DRAIN_S": str(self.drain_s),
        }

    def configure(self, *, source: bool = True, **tunables: Any) -> None:
        """Write the worker's tunables; a running one takes them up."""
        self.tunables |= tunables
        sources = [{"kind": "folder", "path": str(self.folder), "store": self.store_name}] if source else []
        text = yaml.safe_dump({"sync_interval_s": 1, "sources": sources, **self.tunables})
        temporary = self.work / "ingestion.yaml.new"
        temporary.write_text(text, encoding="utf-8")
        temporary.rename(self.work / "ingestion.yaml")

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Put documents into the folder."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    async def start(self) -> "subprocess.Popen[bytes]":
        """Start a worker and wait until it takes jobs."""
        with (self.work / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "ingestion"],
                env=self.environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.workers.append(process)

        async def ready() -> bool:
            assert process.poll() is None, f"the worker ended:\n{self.log()}"
            return await self.answers("/readyz")

        await self.until(ready)
        return process

    async def answers(self, path: str) -> bool:
        try:
            async with httpx.AsyncClient() as http:
                return (await http.get(f"{self.url}{path}")).status_code == 200
        except httpx.HTTPError:
            return False

    async def get(self, path: str) -> Any:
        async with httpx.AsyncClient() as http:
            return (await http.get(f"{self.url}{path}")).json()

    async def metric(self, line: str) -> float:
        """The value of one series in the worker's metrics; 0 when it is not there yet."""
        async with httpx.AsyncClient() as http:
            text = (await http.get(f"{self.url}/metrics")).text
        return next((float(found.rpartition(" ")[2]) for found in text.splitlines() if found.startswith(line)), 0.0)

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """As the kernel would: the worker and everything it started, without a word."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    async def stop(self, process: "subprocess.Popen[bytes]") -> int:
        """As Kubernetes would."""
        process.terminate()
        return await asyncio.to_thread(process.wait, PATIENCE_S)

    def log(self) -> str:
        path = self.work / "worker.log"
        return path.read_text(encoding="utf-8")[-6000:] if path.exists() else ""

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for something that another process brings about."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await condition():
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise AssertionError(f"it did not happen; the worker said:\n{self.log()}") from None

    async def store(self) -> Store | None:
        found = await self.catalog.find_stores(SCOPE, [self.store_name])
        return found[0] if found else None

    async def files(self) -> dict[str, StoreFile]:
        """What is attached to the store, by name."""
        store = await self.store()
        if store is None:
            return {}
        page = await self.catalog.list_store_files(SCOPE, store.id, limit=100)
        return {file.filename: file for file in page.data}

    async def settled(self, **expected: str) -> None:
        """Wait until the store holds exactly the files named (`a_txt="completed"` is `a.txt`), each in its state."""
        wanted = {name.replace("__", "/").replace("_", "."): status for name, status in expected.items()}
        await self.settled_as(wanted)

    async def settled_as(self, wanted: Mapping[str, str]) -> None:
        seen: dict[str, str] = {}

        async def reached() -> bool:
            nonlocal seen
            seen = {name: file.status for name, file in (await self.files()).items()}
            return seen == dict(wanted)

        try:
            await self.until(reached)
        except AssertionError as error:
            raise AssertionError(f"wanted {wanted}, found {seen}; {error}") from None

    async def texts(self, name: str) -> list[str]:
        """The passages of a file in the index."""
        file = (await self.files())[name]
        return [chunk.text for chunk in await self.chunks.read(SCOPE, file.store_id, file.file_id)]

    async def found(self, words: str) -> list[str]:
        """Names of the files that a search for words finds."""
        store = await self.store()
        assert store is not None
        result = await self.chunks.search(SCOPE, SearchRequest((store.id,), words))
        return [hit.filename for hit in result.hits]

    def embedded(self) -> int:
        """How many texts the models were asked to embed so far."""
        return sum(len(body["input"]) for body in self.models.bodies("/embeddings"))

    async def verify(self) -> None:
        """Everything that the store keeps in two places agrees."""
        store = await self.store()
        assert store is not None
        assert await self.chunks.verify(SCOPE, store.id) == []
