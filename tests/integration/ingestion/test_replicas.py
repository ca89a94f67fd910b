"""Two API replicas and two workers over one database: what one takes in, the other shows, and nothing happens twice."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx2 as httpx
import pytest
from pydantic import SecretStr

from conftest import free_port
from integration.ingestion.worker_process import SCOPE, Bench
from integration.orchestrator.conftest import serving
from orchestrator.main import build
from orchestrator.settings import OrchestratorSettings

AT_ONCE = 50
IN_BATCH = 20
TEXT = "Berth {0} is let to the ship {0} until its cargo {0} is discharged. "


@asynccontextmanager
async def replica(bench: Bench) -> AsyncGenerator[httpx.AsyncClient]:
    settings = OrchestratorSettings(
        database_url=SecretStr(bench.database.app_url),
        objects_url=(bench.work / "objects").as_uri(),
        pool_url=bench.models.url,
    )
    async with serving(build(settings)) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield client


async def asked(client: httpx.AsyncClient, method: str, path: str, **given: Any) -> Any:
    response = await client.request(method, path, **given)
    assert response.status_code == 200, response.text
    return response.json()


async def uploaded(client: httpx.AsyncClient, number: int) -> str:
    named = {"file": (f"berth-{number}.txt", TEXT.format(number) * 3, "text/plain")}
    return (await asked(client, "POST", "/v1/files", files=named, data={"purpose": "assistants"}))["id"]


@pytest.fixture
async def two_workers(bench: Bench) -> Bench:
    bench.configure(source=False)
    await bench.start()
    bench.port = free_port()
    await bench.start()
    return bench


async def test_fifty_attached_at_once_are_each_indexed_once(two_workers: Bench) -> None:
    bench = two_workers
    async with replica(bench) as one, replica(bench) as other:
        store = await asked(one, "POST", "/v1/vector_stores", json={"name": "default"})
        path = f"/v1/vector_stores/{store['id']}/files"
        both = [one, other] * (AT_ONCE // 2)
        ids = await asyncio.gather(*(uploaded(client, number) for number, client in enumerate(both)))
        attached = await asyncio.gather(
            *(
                asked(client, "POST", path, json={"file_id": file_id})
                for client, file_id in zip(reversed(both), ids, strict=True)
            )
        )
        assert {entry["status"] for entry in attached} == {"in_progress"}
        assert len({entry["id"] for entry in attached}) == AT_ONCE
        await bench.settled_as({f"berth-{number}.txt": "completed" for number in range(AT_ONCE)})
        shown = [await asked(client, "GET", f"/v1/vector_stores/{store['id']}") for client in (one, other)]
    assert shown[0] == shown[1]
    assert shown[0]["file_counts"]["completed"] == AT_ONCE
    for number in (0, 17, AT_ONCE - 1):
        assert " ".join(await bench.texts(f"berth-{number}.txt")).split() == (TEXT.format(number) * 3).split()
    assert bench.embedded() == AT_ONCE, "each text was embedded once"
    await bench.verify()


async def test_a_batch_finishes_though_a_worker_is_killed_and_reads_alike_from_every_replica(
    two_workers: Bench,
) -> None:
    bench = two_workers
    async with replica(bench) as one, replica(bench) as other:
        store = await asked(one, "POST", "/v1/vector_stores", json={"name": "default"})
        ids = await asyncio.gather(*(uploaded(one, number) for number in range(IN_BATCH)))
        bench.models.hold["/embeddings"] = asyncio.Event()
        files = [{"file_id": file_id, "attributes": {"berth": place}} for place, file_id in enumerate(ids)]
        path = f"/v1/vector_stores/{store['id']}/file_batches"
        batch = await asked(one, "POST", path, json={"files": files})
        assert batch["status"] == "in_progress"
        await bench.until(lambda: _asked(bench))
        bench.kill(bench.workers[0])
        bench.models.hold["/embeddings"].set()

        async def finished() -> bool:
            return (await asked(other, "GET", f"{path}/{batch['id']}"))["status"] != "in_progress"

        await bench.until(finished)
        seen = [await asked(client, "GET", f"{path}/{batch['id']}") for client in (one, other)]
        listed = [await asked(client, "GET", f"{path}/{batch['id']}/files?limit=100") for client in (one, other)]
    assert seen[0] == seen[1]
    assert seen[0]["status"] == "completed"
    assert seen[0]["file_counts"]["completed"] == IN_BATCH
    assert listed[0] == listed[1]
    assert {entry["id"]: entry["attributes"] for entry in listed[0]["data"]} == {
        file_id: {"berth": place} for place, file_id in enumerate(ids)
    }
    assert await bench.chunks.verify(SCOPE, store["id"]) == []


async def _asked(bench: Bench) -> bool:
    return len(bench.models.bodies("/embeddings")) >= 2
