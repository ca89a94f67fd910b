"""The orchestrator as it runs: real HTTP, real Postgres, real object storage; only the models are scripted."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx2 as httpx
import pytest
import uvicorn
from openai import AsyncOpenAI
from pydantic import SecretStr

from common import postgres
from conftest import Database
from fakes.pool import DIMENSION, MODEL, FakePool, vector
from orchestrator.main import build
from orchestrator.settings import OrchestratorSettings
from vector_store.catalog import Catalog
from vector_store.models import Chunk, EmbeddingSpace, Scope, Store
from vector_store.objects import Objects
from vector_store.postgres_engine import PostgresChunkStore

TENANT = "default"
EVERYONE = Scope(TENANT, None)
SPACE = EmbeddingSpace(MODEL, "1", DIMENSION)
PATIENCE_S = 20.0

HARBOUR = (
    "Ships moor at the east quay. The harbour master assigns the berths every morning.",
    "The lighthouse was built in 1874. It is forty metres high and still in use.",
    "Fishing is forbidden inside the harbour. Anglers may use the outer mole after sunset.",
)


@dataclass
class Platform:
    """A running orchestrator and what stands behind it."""

    pool: FakePool
    catalog: Catalog
    chunks: PostgresChunkStore
    objects: Objects
    config_file: Path
    url: str = ""
    app: Any = None
    http: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)

    @property
    def openai(self) -> AsyncOpenAI:
        """The stock client."""
        return AsyncOpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=PATIENCE_S)

    async def ask(self, question: str, **fields: Any) -> httpx.Response:
        """One question, its answer whole."""
        messages = [{"role": "user", "content": question}]
        return await self.http.post("/v1/chat/completions", json={"messages": messages, **fields})

    async def store_of(self, texts: tuple[str, ...], name: str = "default", **fields: Any) -> Store:
        """A store with one file for each text, indexed as the ingestion worker would."""
        store = await self.catalog.create_store(EVERYONE, name)
        for number, text in enumerate(texts):
            await self.add(store.id, text, filename=f"file-{number}.txt", **fields)
        return store

    async def add(
        self, store_id: str, text: str, *, filename: str = "file.txt", page: int | None = 1, **fields: Any
    ) -> str:
        """One more file of one chunk; gives its id."""
        file = await self.catalog.create_file(
            EVERYONE, filename=filename, bytes=len(text), sha256="0" * 64, object_key=f"{TENANT}/{filename}"
        )
        await self.catalog.attach(EVERYONE, store_id, file.id, **fields)
        chunk = Chunk(text, vector(text)[None, :], title=f"Title of {filename}", page=page, tokens=len(text.split()))
        await self.chunks.write(EVERYONE, store_id, file.id, [chunk], space=SPACE, fingerprint="1")
        return file.id

    async def index_next(self, store_id: str) -> int:
        """What the ingestion worker does: wait for attached files, read them, index them; gives their number."""
        async with asyncio.timeout(PATIENCE_S):
            while not (page := await self.catalog.list_store_files(EVERYONE, store_id, status="in_progress")).data:
                await asyncio.sleep(0.02)
        for attached in page.data:
            file = await self.catalog.get_file(EVERYONE, attached.file_id)
            text = (await self.objects.get(file.object_key)).decode()
            chunk = Chunk(text, vector(text)[None, :], title=file.filename)
            await self.chunks.write(EVERYONE, store_id, file.id, [chunk], space=SPACE, fingerprint="1")
        return len(page.data)


class StartPlatform(Protocol):
    """Starts an orchestrator with settings and tunables of the test's own."""

    async def __call__(self, tunables: str = "{}", **settings: Any) -> Platform: ...


@pytest.fixture
async def start_platform(database: Database, tmp_path: Path) -> AsyncIterator[StartPlatform]:
    """As many orchestrators as the test starts, over one database."""
    async with AsyncExitStack() as stack:

        async def start(tunables: str = "{}", **settings: Any) -> Platform:
            pool = await stack.enter_async_context(FakePool().running())
            database_pool = await stack.enter_async_context(postgres.open_pool(database.app_url))
            config_file = tmp_path / "orchestrator.yaml"
            config_file.write_text(tunables)
            given: dict[str, Any] = {
                "database_url": SecretStr(database.app_url),
                "objects_url": (tmp_path / "objects").as_uri(),
                "pool_url": pool.url,
                "config_file": config_file,
                "last_good_dir": tmp_path / "last-good",
                **settings,
            }
            platform = Platform(
                pool,
                Catalog(database_pool),
                PostgresChunkStore(database_pool),
                Objects((tmp_path / "objects").as_uri()),
                config_file,
            )
            platform.app = build(OrchestratorSettings(**given))
            platform.url = await stack.enter_async_context(serving(platform.app))
            platform.http = await stack.enter_async_context(
                httpx.AsyncClient(base_url=platform.url, timeout=PATIENCE_S)
            )
            return platform

        yield start


@pytest.fixture
async def platform(start_platform: StartPlatform) -> Platform:
    """An orchestrator with every default."""
    return await start_platform()


class serving:
    """The application behind uvicorn, in this event loop, on a free port."""

    def __init__(self, app: Any) -> None:
        config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))

    async def __aenter__(self) -> str:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        async with asyncio.timeout(PATIENCE_S):
            while not self._server.started:
                if self._task.done():
                    raise RuntimeError("the application did not start")
                await asyncio.sleep(0.005)
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        await self._task


async def until(condition: Callable[[], Any], what: str) -> None:
    """Wait until the condition holds; fail saying `what` was waited for."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited in vain: {what}") from None
