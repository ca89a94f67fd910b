"""A tenant's quotas hold exactly, over connections and replicas, and are changed by an edit of the configuration."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from common import key_file
from common.yaml_text import ConfigError
from conftest import Database
from integration.orchestrator.conftest import PATIENCE_S, Platform, StartPlatform
from integration.orchestrator.test_permissions import bearer

TEXT = b"0123456789"


def upload(name: str = "a.txt") -> dict[str, Any]:
    return {"files": {"file": (name, TEXT)}, "data": {"purpose": "assistants"}}


async def test_fifty_uploads_at_once_never_exceed_the_documents(start_platform: StartPlatform, tmp_path: Path) -> None:
    replicas = [await start_platform("quota: {documents: 20}") for _ in range(2)]
    answers = await asyncio.gather(*(replicas[n % 2].http.post("/v1/files", **upload(f"{n}.txt")) for n in range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 20, 403: 30}
    refusal = next(answer for answer in answers if answer.status_code == 403).json()["error"]
    assert (refusal["type"], refusal["param"], refusal["code"]) == ("insufficient_quota", "documents", "quota_exceeded")
    assert "20 documents" in refusal["message"]
    usage = (await replicas[0].http.get("/v1/usage")).json()
    assert usage["documents"] == {"used": 20, "limit": 20}
    assert usage["bytes"] == {"used": 200, "limit": None}
    left = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert len(left) == 20, "a refused upload leaves no bytes"


async def test_uploads_at_once_never_exceed_the_bytes_and_deletions_make_room(start_platform: StartPlatform) -> None:
    platform = await start_platform("quota: {bytes: 95}")
    answers = await asyncio.gather(*(platform.http.post("/v1/files", **upload()) for _ in range(20)))
    kept = [answer.json()["id"] for answer in answers if answer.status_code == 200]
    assert len(kept) == 9
    full = await platform.http.post("/v1/files", **upload())
    assert full.status_code == 403
    assert "quota of 95 bytes is used up (90 bytes are in use)" in full.json()["error"]["message"]
    assert (await platform.http.delete(f"/v1/files/{kept[0]}")).status_code == 200
    assert (await platform.http.post("/v1/files", **upload())).status_code == 200


async def test_requests_are_counted_over_replicas(start_platform: StartPlatform) -> None:
    """A minute may turn while the test runs: then the next one's requests are admitted too, never more."""
    replicas = [await start_platform("quota: {requests_per_minute: 30}") for _ in range(2)]
    answers = await asyncio.gather(*(replicas[n % 2].http.get("/v1/models") for n in range(100)))
    admitted = sum(answer.status_code == 200 for answer in answers)
    assert admitted in (30, 60)
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    error = refused.json()["error"]
    assert (error["type"], error["param"]) == ("rate_limit_error", "requests_per_minute")
    assert "quota of 30 requests per minute" in error["message"]
    usage = await replicas[1].http.get("/v1/usage")
    assert usage.status_code == 200, "looking at the quota is free"
    assert usage.json()["requests_per_minute"]["limit"] == 30


async def test_slices_of_a_large_quota_add_up(start_platform: StartPlatform) -> None:
    platform = await start_platform("quota: {requests_per_minute: 200}")
    # A minute may turn meanwhile: what was asked in one and answered in the next may count in either.
    admitted, refused, between = Counter[int](), set[int](), 0
    for _ in range(260):
        minute = int(time.time() // 60)
        status = (await platform.http.get("/v1/models")).status_code
        if int(time.time() // 60) != minute:
            between += 1
        elif status == 200:
            admitted[minute] += 1
        else:
            refused.add(minute)
    assert refused or len(admitted) > 1, "260 in a minute, and none was refused"
    assert max(admitted.values()) <= 200
    assert all(admitted[minute] + between >= 200 for minute in refused), (admitted, refused)


async def test_a_quota_is_a_tenants_own_and_an_edit_is_in_force_at_once(
    start_platform: StartPlatform, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    keys = {tenant: bearer(key_file.create(path, tenant=tenant)[0]) for tenant in ("small", "large")}
    config = "quota: {documents: 1}\nquotas: {large: {documents: 2}}\n"
    platform = await start_platform(config, auth="keys", keys_file=path)

    async def uploads(tenant: str) -> list[int]:
        return [(await platform.http.post("/v1/files", headers=keys[tenant], **upload())).status_code for _ in "123"]

    assert await uploads("small") == [200, 403, 403]
    assert await uploads("large") == [200, 200, 403]
    await retune(platform, config.replace("documents: 2", "documents: 4"), keys["large"])
    assert await uploads("large") == [200, 200, 403]
    assert await uploads("small") == [403, 403, 403]


async def retune(platform: Platform, config: str, headers: dict[str, Any]) -> None:
    before = (await platform.http.get("/v1/config", headers=headers)).json()["hash"]
    platform.config_file.write_text(config)
    async with asyncio.timeout(PATIENCE_S):
        while (await platform.http.get("/v1/config", headers=headers)).json()["hash"] == before:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("config", ["quota: {documents: -1}", "quota: {requests_per_minute: 0}", "quotas: {A B: {}}"])
async def test_a_quota_that_cannot_be_is_refused(start_platform: StartPlatform, config: str) -> None:
    with pytest.raises(ConfigError):
        await start_platform(config)


async def test_when_the_database_cannot_count_nobody_is_refused_for_it(
    start_platform: StartPlatform, database: Database
) -> None:
    platform = await start_platform("quota: {requests_per_minute: 5}")
    with psycopg.connect(database.superuser_url, autocommit=True) as conn:
        conn.execute("BEGIN")
        conn.execute("LOCK TABLE tenant_requests IN ACCESS EXCLUSIVE MODE")
        answer = await platform.http.get("/v1/models")
        conn.execute("ROLLBACK")
    assert answer.status_code == 200
