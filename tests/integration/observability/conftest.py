"""The trace buffer as a process, with a database of its own."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psycopg
import pytest

from common import postgres
from conftest import Database, free_port
from fakes import otlp
from orchestrator.feedback.store import FeedbackStore, Word
from standalone import loopback

READY_S = 60


@dataclass
class Buffer:
    """A running one, what it sends promoted traces to, and the database below it."""

    url: str
    port: int
    store: otlp.Backend
    database: Database

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.superuser_url, autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    async def metric(self, result: str) -> float:
        """Spans with this result."""
        async with httpx.AsyncClient(trust_env=False) as client:
            text = (await client.get(f"{self.url}/metrics")).text
        line = f'fairlead_trace_buffer_spans_total{{result="{result}"}}'
        return next((float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(line)), 0.0)

    async def until(self, result: str, spans: float) -> None:
        """Wait until so many spans have this result."""
        async with asyncio.timeout(READY_S):
            while await self.metric(result) < spans:
                await asyncio.sleep(0.1)
        assert await self.metric(result) == spans

    async def complain(self, trace_id: str, tenant: str = "default", value: bool = False) -> None:
        """Feedback on an answer, as the orchestrator keeps it."""
        async with postgres.open_pool(self.database.app_url) as pool:
            await FeedbackStore(pool, forwards=False).save(tenant, Word(trace_id, "ada", value, None, "ada"))


@pytest.fixture
async def store() -> AsyncIterator[otlp.Backend]:
    async with otlp.backend() as backend:
        yield backend


StartBuffer = Callable[..., Any]


@pytest.fixture
def start_buffer(database: Database, store: otlp.Backend, tmp_path: Path) -> Iterator[StartBuffer]:
    """Starts a buffer with these settings; further ones share its database."""
    processes: list[subprocess.Popen[bytes]] = []

    async def start(**settings: str) -> Buffer:
        port = free_port()
        told = {
            "FAIRLEAD_PORT": str(port),
            "FAIRLEAD_DATABASE_URL": database.app_url,
            "FAIRLEAD_PROMOTED_ENDPOINT": f"{store.url}/v1/traces",
            **settings,
        }
        with (tmp_path / "buffer.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "observability", "buffer"], env=os.environ | told, stdout=log, stderr=log
            )
        processes.append(process)
        async with asyncio.timeout(READY_S):
            while not await loopback.answers(port, "/readyz"):
                assert process.poll() is None, (tmp_path / "buffer.log").read_text()
                await asyncio.sleep(0.05)
        return Buffer(f"http://127.0.0.1:{port}", port, store, database)

    yield start
    for process in processes:
        process.terminate()
        assert process.wait(READY_S) == 0


@asynccontextmanager
async def away(store: otlp.Backend) -> AsyncIterator[None]:
    """The collector answers 503 while the context is open."""
    store.down = True
    yield
    store.down = False
