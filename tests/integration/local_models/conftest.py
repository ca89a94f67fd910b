"""The local models as a process of their own, shared by the tests of this folder."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable

import httpx2 as httpx
import pytest
from openai import AsyncOpenAI
from prometheus_client.parser import text_string_to_metric_families

READY_S = 60


@pytest.fixture(scope="session")
async def address(free_tcp_port_factory: Callable[[], int]) -> AsyncIterator[str]:
    port = free_tcp_port_factory()
    process = subprocess.Popen(
        [sys.executable, "-m", "local_models"],
        env=os.environ | {"FAIRLEAD_PORT": str(port), "FAIRLEAD_AUTH": "none"},
        stdout=subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client, asyncio.timeout(READY_S):
            while True:
                assert process.poll() is None
                try:
                    if (await client.get("/readyz")).status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
async def http(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{address}/v1", timeout=60) as client:
        yield client


@pytest.fixture
async def openai(address: str) -> AsyncIterator[AsyncOpenAI]:
    """The stock client, told nothing but the address."""
    async with AsyncOpenAI(base_url=f"{address}/v1", api_key="none", timeout=60, max_retries=0) as client:
        yield client


@pytest.fixture
def metric(address: str) -> Callable[[str], float]:
    """The value of a metric, its labels summed up."""

    def value(name: str) -> float:
        text = httpx.get(f"{address}/metrics").text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return sum(sample.value for sample in samples if sample.name == f"fairlead_{name}")

    return value
