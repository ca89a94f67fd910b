"""The pool in a cluster: an edit of its ConfigMap reaches every process and fails no request; a bad one is refused."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import yaml

from fakes.kubernetes import Cluster, cluster
from fakes.upstream import Reply, serving
from integration.llm_proxy.pool_process import CHAT, Pool, running

NAME, LAST_GOOD = "llm-proxy-tunables", "llm-proxy-last-good"
PATIENCE_S = 30


def config(url: str, **model: Any) -> dict[str, Any]:
    return {"models": {"m": {"endpoints": [{"name": "a", "url": url}], **model}}}


def edit(kube: Cluster, content: dict[str, Any]) -> str:
    return kube.put(NAME, {"config.yaml": yaml.safe_dump(content)})


@pytest.fixture
def kube(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path) as made:
        made.put(LAST_GOOD, {})
        yield made


@asynccontextmanager
async def pod(kube: Cluster, folder: Path, port: int, content: dict[str, Any], **more: str) -> AsyncIterator[Pool]:
    """The pool with its ConfigMap mounted in `folder` and watched by the API."""
    folder.mkdir(exist_ok=True)
    edit(kube, content)
    environment = {
        "FAIRLEAD_CONFIG_MAP": NAME,
        "FAIRLEAD_LAST_GOOD_CONFIG_MAP": LAST_GOOD,
        "FAIRLEAD_KUBERNETES_URL": kube.url,
        "FAIRLEAD_KUBERNETES_ACCOUNT": str(kube.account),
        **more,
    }
    async with running(folder / "config.yaml", port, content, environment, mounted=True) as pool:
        yield pool


async def until_in_force(port: int, wanted: Callable[[dict[str, Any]], bool], processes: int = 1) -> dict[str, Any]:
    """Wait until so many answers in a row, each by a connection of its own, show it: the processes share the port."""
    async with asyncio.timeout(PATIENCE_S):
        in_a_row, shown = 0, {}
        while in_a_row < 12 * processes:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                shown = (await client.get("/v1/config")).json()
            in_a_row = in_a_row + 1 if wanted(shown) else 0
            if not in_a_row:
                await asyncio.sleep(0.05)
        return shown


async def test_edits_under_load_reach_every_process_and_fail_no_request(
    kube: Cluster, tmp_path: Path, free_tcp_port_factory: Callable[[], int]
) -> None:
    port, answered = free_tcp_port_factory(), []
    async with (
        serving(Reply(body={"answer": "yes"})) as upstream,
        pod(kube, tmp_path / "config", port, config(upstream.url), FAIRLEAD_WORKERS="2") as pool,
    ):
        ending = asyncio.Event()

        async def ask() -> None:
            while not ending.is_set():
                answered.append((await pool.client.post(CHAT, json={"model": "m"})).status_code)

        askers = [asyncio.create_task(ask()) for _ in range(4)]
        for number in range(1, 11):
            edit(kube, config(upstream.url, default_max_tokens=number))
            await asyncio.sleep(0.05)
        await until_in_force(port, lambda s: s["effective"]["models"]["m"]["default_max_tokens"] == 10, processes=2)
        ending.set()
        await asyncio.gather(*askers)
    assert len(answered) > 10
    assert set(answered) == {200}


async def test_a_bad_edit_is_refused_and_a_new_pod_starts_on_the_last_good_one(
    kube: Cluster, tmp_path: Path, free_tcp_port_factory: Callable[[], int]
) -> None:
    url, port = "http://127.0.0.1:1/v1", free_tcp_port_factory()
    async with pod(kube, tmp_path / "config", port, config(url)) as pool:
        edit(kube, config(url, default_max_tokens=7))
        good = await until_in_force(port, lambda shown: shown["source"] == f"ConfigMap {NAME}")
        async with asyncio.timeout(PATIENCE_S):
            while kube.data(LAST_GOOD).get("hash") != good["hash"]:
                await asyncio.sleep(0.05)
        bad = config(url, larger="none")
        edit(kube, bad)
        refused = await until_in_force(port, lambda shown: shown["last_error"] is not None)
        assert (refused["hash"], refused["last_error"]["key"]) == (good["hash"], "models.m.larger")
        assert await pool.metric('fairlead_config_reload_success{service="llm-proxy"}') == 0
        async with pod(kube, tmp_path / "config", free_tcp_port_factory(), bad) as newcomer:
            shown = (await newcomer.client.get("/v1/config")).json()
            assert (shown["hash"], shown["source"]) == (good["hash"], f"last good (ConfigMap {LAST_GOOD})")
            assert shown["last_error"]["key"] == "models.m.larger"
            assert (await newcomer.client.get("/readyz")).status_code == 200
            mended = config(url, default_max_tokens=8)
            edit(kube, mended)
            now = await until_in_force(newcomer.port, lambda shown: shown["last_error"] is None)
            assert now["effective"]["models"]["m"]["default_max_tokens"] == 8
