"""Who did what can be looked up: over the API by tenant, without a word of content, and no search waits for it."""

import asyncio
from pathlib import Path
from typing import Any

import psycopg
import pytest

from common import key_file
from conftest import Database
from integration.orchestrator.conftest import HARBOUR, PATIENCE_S, Platform, StartPlatform
from integration.orchestrator.test_permissions import bearer
from orchestrator import audit_writer
from vector_store.audit_events import AuditEvent

UPLOAD: dict[str, Any] = {"files": {"file": ("secret plan.txt", b"the secret")}, "data": {"purpose": "assistants"}}


async def events(platform: Platform, headers: dict[str, Any] | None = None, **query: Any) -> list[dict[str, Any]]:
    answer = await platform.http.get("/v1/audit", params={"limit": 100, "order": "asc", **query}, headers=headers or {})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def until_logged(
    platform: Platform, count: int, headers: dict[str, Any] | None = None, **query: Any
) -> list[dict[str, Any]]:
    """Searches are written behind the requests."""
    async with asyncio.timeout(PATIENCE_S):
        while len(found := await events(platform, headers, **query)) < count:
            await asyncio.sleep(0.02)
    return found


async def test_uploads_searches_answers_and_deletions_are_logged_without_their_content(platform: Platform) -> None:
    store = await platform.store_of(HARBOUR)
    file = (await platform.http.post("/v1/files", **UPLOAD)).json()["id"]
    search = {"query": "lighthouse secret"}
    named = {"x-request-id": "req-of-mine"}
    await platform.http.post(f"/v1/vector_stores/{store.id}/search", json=search, headers=named)
    await platform.ask("When was the lighthouse built?")
    await platform.http.get(f"/v1/files/{file}/content")
    await platform.http.delete(f"/v1/files/{file}")

    searches = await until_logged(platform, 2, action="store.search", store=store.id)
    assert [event["details"]["through"] for event in searches] == ["search", "chat"]
    assert searches[0]["request_id"] == "req-of-mine"
    about_file = await until_logged(platform, 3, file=file)
    assert sorted(event["action"] for event in about_file) == ["file.delete", "file.read", "file.upload"]
    everything = str(await events(platform))
    assert not any(word in everything for word in ("lighthouse", "secret", "plan"))


async def test_a_key_sees_its_own_doings_an_auditor_its_tenants(start_platform: StartPlatform, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys = {
        name: key_file.create(path, name=name, tenant=tenant, groups=groups)
        for name, tenant, groups in (
            ("ann", "a", ()), ("ben", "a", ()), ("auditor", "a", ("auditors",)), ("spy", "b", ("auditors",)),
        )
    }  # fmt: skip
    platform = await start_platform(auth="keys", keys_file=path)
    for name in ("ann", "ben"):
        made = await platform.http.post("/v1/vector_stores", json={"name": name}, headers=bearer(keys[name][0]))
        assert made.status_code == 200

    seen = {name: await events(platform, bearer(key[0]), action="store.create") for name, key in keys.items()}
    assert [event["key_name"] for event in seen["ann"]] == ["ann"]
    assert [event["key_name"] for event in seen["auditor"]] == ["ann", "ben"]
    assert seen["spy"] == []
    of_ben = {"key": keys["ben"][1].id, "action": "store.*"}
    assert await events(platform, bearer(keys["ann"][0]), **of_ben) == []
    assert len(await events(platform, bearer(keys["auditor"][0]), **of_ben)) == 1

    assert key_file.revoke(path, keys["ben"][1].id)
    changes = await until_logged(platform, 2, bearer(keys["auditor"][0]), key=keys["ben"][1].id, action="key.*")
    assert [(event["action"], event["key_id"], event["details"]["name"]) for event in changes] == [
        ("key.create", "operator", "ben"),
        ("key.revoke", "operator", "ben"),
    ]
    assert all(event["key_name"] for event in changes), "who did it"
    assert keys["ben"][0] not in str(changes)


async def test_key_changes_are_logged_once_by_two_replicas(
    start_platform: StartPlatform, tmp_path: Path, database: Database
) -> None:
    path = tmp_path / "keys.json"
    key, _ = key_file.create(path, tenant="a", groups=("auditors",))
    one, two = [await start_platform(auth="keys", keys_file=path) for _ in range(2)]
    for number in range(5):
        key_file.create(path, name=str(number), tenant="a")
    for platform in (one, two):
        assert len(await until_logged(platform, 6, bearer(key), action="key.create")) == 6


async def test_pages_and_bad_questions(platform: Platform) -> None:
    for number in range(5):
        await platform.http.post("/v1/vector_stores", json={"name": str(number)})
    first = (await platform.http.get("/v1/audit", params={"limit": 3})).json()
    assert first["has_more"]
    rest = (await platform.http.get("/v1/audit", params={"limit": 3, "after": first["last_id"]})).json()
    ids = [event["id"] for event in [*first["data"], *rest["data"]]]
    assert len(ids) == 5 and ids == sorted(ids, reverse=True)
    for query in ({"action": "DROP TABLE"}, {"since": "yesterday"}, {"limit": 0}, {"since": 10**18}):
        answer = await platform.http.get("/v1/audit", params=query)
        assert answer.status_code == 400, query
        assert answer.json()["error"]["param"] == next(iter(query))


async def test_a_full_queue_drops_and_counts_and_delays_nobody(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    """While the log cannot be written, what is past its bound is dropped and counted; the rest is written later."""
    dropped = audit_writer.DROPPED.labels("queue_full")._value  # pyright: ignore[reportPrivateUsage]
    before = dropped.get()
    monkeypatch.setattr(audit_writer, "MOST_WAITING", 1200)
    monkeypatch.setattr(audit_writer, "LAST_WRITE_S", PATIENCE_S)
    writer = audit_writer.AuditWriter(platform.app.state.held.audit)
    with psycopg.connect(database.superuser_url, autocommit=True) as conn:
        conn.execute("BEGIN")
        conn.execute("LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE")
        async with writer.running():
            for _ in range(audit_writer.MOST_WAITING + 700):
                writer.note(AuditEvent("default", "store.search", "key_1", store_id="vs_1"))
            assert dropped.get() - before == 700
            conn.execute("ROLLBACK")
    kept = len(await events(platform, store="vs_1"))
    assert kept == 100, "the rest is on further pages"
    with psycopg.connect(database.owner_url) as conn:
        count = conn.execute("SELECT count(*) FROM audit_log WHERE store_id = 'vs_1'").fetchone()
    assert count == (audit_writer.MOST_WAITING,)
