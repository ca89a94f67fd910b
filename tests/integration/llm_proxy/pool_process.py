"""The pool as a process of its own, for the tests that watch it from outside."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import yaml

CHAT = "/v1/chat/completions"
READY_WITHIN_S = 60


@dataclass
class Pool:
    """A running pool."""

    client: httpx.AsyncClient
    port: int
    pid: int
    file: Path

    async def ask(self, model: str, path: str = CHAT, **more: Any) -> httpx.Response:
        headers = more.pop("headers", {})
        return await self.client.post(path, json={"model": model, **more}, headers=headers)

    async def metric(self, line: str) -> float:
        """The value of one series; 0 where there is none."""
        text = (await self.client.get("/metrics")).text
        return next((float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(line + " ")), 0.0)

    async def use(self, config: Mapping[str, Any]) -> None:
        """Put another configuration into the file and wait until it is in force."""
        before = (await self.client.get("/v1/config")).json()["hash"]
        self.file.write_text(yaml.safe_dump(dict(config)))
        async with asyncio.timeout(20):
            while (await self.client.get("/v1/config")).json()["hash"] == before:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running(
    file: Path,
    port: int,
    config: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    *,
    mounted: bool = False,
) -> AsyncIterator[Pool]:
    """The pool with this configuration, ready; `mounted`: it reads the whole folder, as in a cluster."""
    file.write_text(yaml.safe_dump(dict(config)))
    place = file.parent if mounted else file
    command = [sys.executable, "-m", "llm_proxy", "--config", str(place), "--port", str(port)]
    quiet = {"FAIRLEAD_LOG_LEVEL": "ERROR"}
    process = subprocess.Popen(command, env=os.environ | quiet | dict(environment or {}))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            async with asyncio.timeout(READY_WITHIN_S):
                while not await _answers(client):
                    assert process.poll() is None
                    await asyncio.sleep(0.05)
            yield Pool(client, port, process.pid, file)
    finally:
        process.terminate()
        process.wait(timeout=30)


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False
