"""How sources stand, over the API of any replica, and a second try for files that failed."""

from pathlib import Path
from typing import Any

import pytest

from common import key_file
from common.postgres import open_pool
from conftest import Database
from integration.orchestrator.conftest import Platform, StartPlatform
from vector_store.models import FileError, Scope
from vector_store.source_states import SourceState, SourceStates


def bearer(key: str) -> dict[str, Any]:
    return {"authorization": f"Bearer {key}"}


@pytest.fixture
async def keyed(start_platform: StartPlatform, tmp_path: Path) -> tuple[Platform, dict[str, str]]:
    path = tmp_path / "keys.json"
    keys = {
        "a": key_file.create(path, tenant="a")[0],
        "a-crew": key_file.create(path, tenant="a", groups=("crew",))[0],
        "b": key_file.create(path, tenant="b")[0],
    }
    return await start_platform(auth="keys", keys_file=path), keys


async def test_sources_are_shown_to_their_tenant(keyed: tuple[Platform, dict[str, str]], database: Database) -> None:
    platform, keys = keyed
    async with open_pool(database.app_url) as pool:
        await SourceStates(pool).record(
            SourceState("a", "folder:default:/docs", "docs", "folder", "/docs", "default", 60.0, "ok", succeeded_at=1.0)
        )
    (source,) = (await platform.http.get("/v1/sources", headers=bearer(keys["a"]))).json()["data"]
    assert (source["label"], source["state"], source["last_success_at"]) == ("docs", "ok", 1)
    assert source["documents"]["todo"] == 0 and source["lag_s"] > 1000
    assert (await platform.http.get("/v1/sources", headers=bearer(keys["b"]))).json() == {"object": "list", "data": []}
    assert (await platform.http.get("/v1/sources")).status_code == 401


async def test_a_failed_file_is_tried_again(keyed: tuple[Platform, dict[str, str]]) -> None:
    platform, keys = keyed
    scope = Scope("a", None)
    store = await platform.catalog.create_store(scope, "default")
    file = await platform.catalog.create_file(
        scope, filename="f.txt", bytes=1, sha256="0", object_key="a/f", groups=("crew",)
    )
    await platform.catalog.attach(scope, store.id, file.id)
    path = f"/v1/vector_stores/{store.id}/files/{file.id}/retry"
    early = await platform.http.post(path, headers=bearer(keys["a-crew"]))
    assert early.status_code == 409 and early.json()["error"]["code"] == "conflict"
    await platform.catalog.set_status(
        scope, store.id, file.id, "failed", FileError("invalid_file", "Bad.", "corrupt_file")
    )
    for stranger in ("a", "b"):
        assert (await platform.http.post(path, headers=bearer(keys[stranger]))).status_code == 404
    answer = await platform.http.post(path, headers=bearer(keys["a-crew"]))
    assert answer.status_code == 200
    assert answer.json() | {"status": "in_progress", "last_error": None} == answer.json()
    unknown = await platform.http.post(
        f"/v1/vector_stores/{store.id}/files/file-unknown/retry", headers=bearer(keys["a-crew"])
    )
    assert unknown.status_code == 404
