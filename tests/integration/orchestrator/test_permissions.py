"""Keys decide who may ask, and what they can see."""

from pathlib import Path
from typing import Any

import pytest

from common import key_file
from fakes.pool import vector
from integration.orchestrator.conftest import HARBOUR, SPACE, Platform, StartPlatform
from integration.orchestrator.test_chat import QUESTION
from vector_store.models import Chunk, Scope

OPEN = {"/livez", "/readyz", "/healthz", "/metrics", "/", "/review"}


def bearer(key: str) -> dict[str, Any]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
async def keyed(start_platform: StartPlatform, tmp_path: Path) -> tuple[Platform, dict[str, str]]:
    """A platform with keys of two tenants; tenant `a` has two people, one of them in the group `crew`."""
    path = tmp_path / "keys.json"
    keys = {
        "a": key_file.create(path, tenant="a")[0],
        "a-crew": key_file.create(path, tenant="a", groups=("crew",))[0],
        "b": key_file.create(path, tenant="b")[0],
    }
    return await start_platform(auth="keys", keys_file=path), keys


async def test_every_route_of_the_api_wants_a_key(keyed: tuple[Platform, dict[str, str]]) -> None:
    platform, _ = keyed
    paths = platform.app.openapi()["paths"]
    assert len(paths) > 15
    open_routes: list[str] = []
    for path, methods in paths.items():
        for method in methods:
            address = path.replace("{", "").replace("}", "")
            response = await platform.http.request(method, address, headers=bearer("fl-wrong"), json={})
            if response.status_code != 401 and path not in OPEN:
                open_routes.append(f"{method} {path}: {response.status_code}")
    assert open_routes == []


async def test_a_tenant_sees_its_own_stores_and_files_alone(keyed: tuple[Platform, dict[str, str]]) -> None:
    platform, keys = keyed
    mine = bearer(keys["a"])
    store = (await platform.http.post("/v1/vector_stores", json={"name": "default"}, headers=mine)).json()["id"]
    upload = {"files": {"file": ("a.txt", b"text")}, "data": {"purpose": "assistants"}}
    file = (await platform.http.post("/v1/files", headers=mine, **upload)).json()["id"]
    attached = await platform.http.post(f"/v1/vector_stores/{store}/files", json={"file_id": file}, headers=mine)
    assert attached.status_code == 200

    other = bearer(keys["b"])
    assert (await platform.http.get("/v1/vector_stores", headers=other)).json()["data"] == []
    assert (await platform.http.get("/v1/files", headers=other)).json()["data"] == []
    for path in (f"/v1/vector_stores/{store}", f"/v1/files/{file}", f"/v1/files/{file}/content",
                 f"/v1/vector_stores/{store}/files", f"/v1/vector_stores/{store}/files/{file}"):  # fmt: skip
        assert (await platform.http.get(path, headers=other)).status_code == 404, path
    search = await platform.http.post(f"/v1/vector_stores/{store}/search", json={"query": "text"}, headers=other)
    assert search.status_code == 404
    body = {"messages": [{"role": "user", "content": "text"}], "vector_store_ids": [store]}
    assert (await platform.http.post("/v1/chat/completions", json=body, headers=other)).status_code == 404


async def test_a_document_of_a_group_is_cited_to_its_members_alone(keyed: tuple[Platform, dict[str, str]]) -> None:
    platform, keys = keyed
    everyone = Scope("a", None)
    store = await platform.catalog.create_store(everyone, "default")
    for number, text in enumerate(HARBOUR):
        groups = ("crew",) if "lighthouse" in text else ()
        file = await platform.catalog.create_file(
            everyone, filename=f"{number}.txt", bytes=1, sha256="0" * 64, object_key=f"a/{number}", groups=groups
        )
        await platform.catalog.attach(everyone, store.id, file.id)
        chunk = Chunk(text, vector(text)[None, :])
        await platform.chunks.write(everyone, store.id, file.id, [chunk], space=SPACE, fingerprint="1")
    body = {"messages": [{"role": "user", "content": QUESTION}]}
    for name, may_see in (("a", False), ("a-crew", True)):
        answer = await platform.http.post("/v1/chat/completions", json=body, headers=bearer(keys[name]))
        cited = {citation["text"] for citation in answer.json()["citations"]}
        assert (HARBOUR[1] in cited) is may_see
        prompt = platform.pool.bodies("/chat/completions")[-1]["messages"][-1]["content"]
        assert ("1874" in prompt) is may_see


async def test_an_upload_names_the_groups_that_may_see_it(keyed: tuple[Platform, dict[str, str]]) -> None:
    platform, keys = keyed
    crew, other = bearer(keys["a-crew"]), bearer(keys["a"])
    upload: dict[str, Any] = {"files": {"file": ("a.txt", b"text")}}
    form = {"purpose": "assistants", "groups": "crew"}
    made = await platform.http.post("/v1/files", headers=crew, data=form, **upload)
    assert made.json()["fairlead"] == {"groups": ["crew"]}
    file = made.json()["id"]
    store = (await platform.http.post("/v1/vector_stores", json={}, headers=crew)).json()["id"]
    for headers, status in ((other, 404), (crew, 200)):
        assert (await platform.http.get(f"/v1/files/{file}", headers=headers)).status_code == status
        attach = await platform.http.post(f"/v1/vector_stores/{store}/files", json={"file_id": file}, headers=headers)
        assert attach.status_code == status
    refused = await platform.http.post("/v1/files", headers=other, data=form, **upload)
    assert (refused.status_code, refused.json()["error"]["param"]) == (403, "groups")
    assert (await platform.http.get("/v1/files", headers=other)).json()["data"] == []
