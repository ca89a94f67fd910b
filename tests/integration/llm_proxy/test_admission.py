"""All decisions together, as the hot path uses them: reload, rotation of keys, replicas counted by an API server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from common.api_server import ApiServer
from common.errors import ApiError
from common.live_config import LiveConfig
from fakes.pool_plan import ask
from llm_proxy.admission import Admission, Failure, Next, Tried, Usage
from llm_proxy.check import refuse_faulty
from llm_proxy.config import PoolConfig, Replicas
from llm_proxy.identity import Identity
from llm_proxy.keys import Key
from llm_proxy.replicas import ReplicaCount, ready

LIMITED = {"limits": {"concurrency": 12}}


def write(file: Path, **more: Any) -> None:
    endpoint = {"name": "e", "url": "http://e.test/v1", **LIMITED}
    content = {"models": {"m": {"endpoints": [endpoint]}}, **more}
    file.with_suffix(".new").write_text(yaml.safe_dump(content))
    file.with_suffix(".new").replace(file)


def loaded(file: Path) -> LiveConfig[PoolConfig]:
    live = LiveConfig(PoolConfig, file, service="admission-test", validate_extra=refuse_faulty)
    live.load()
    return live


async def until(happens: Any) -> None:
    async with asyncio.timeout(20):
        while not happens():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def serving(handler: Any, path: str) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", path, handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # pyright: ignore
    finally:
        await runner.cleanup()


async def test_the_course_of_a_request_that_is_limited_fails_over_and_is_settled(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    endpoints = [{"name": name, "url": f"http://{name}.test/v1"} for name in ("a", "b")]
    limits = {"default": {"requests_per_minute": 100, "concurrency": 1}}
    file.write_text(yaml.safe_dump({"models": {"m": {"endpoints": endpoints}}, "callers": limits}))
    admission = Admission(loaded(file), workers=2, ledger_dir=tmp_path / "ledger")
    async with admission.running():
        for _ in range(3):
            asked, tried = ask(), Tried()
            lease = admission.callers.admit(asked) or await admission.callers.fund(asked)
            with pytest.raises(ApiError):
                admission.callers.admit(ask()) or await admission.callers.fund(ask())
            first = admission.router.reserve(asked, tried)
            assert first is not None
            assert first.failed(Failure.TIMEOUT) is Next.RETRY
            second = admission.router.reserve(asked, tried)
            assert second is not None and second.endpoint is not first.endpoint
            second.learn({"x-ratelimit-remaining-requests": "99"})
            second.succeeded(0.01)
            second.release()
            lease.settle(Usage(10, 10))
            for endpoint in admission.plan.models["m"].endpoints:
                endpoint.state.breaker.succeeded(False)
    assert all(json.loads(f.read_text())["held"] == {} for f in (tmp_path / "ledger").iterdir())


async def test_an_edit_of_the_file_changes_what_requests_see(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    write(file)
    live = loaded(file)
    admission = Admission(live)
    async with live.watch(), admission.running():
        state = admission.plan.models["m"].endpoints[0].state
        write(file, replicas={"count": 4})
        await until(lambda: state.concurrency == 3)
        assert admission.plan.models["m"].endpoints[0].state is state
        write(file, prices={"models": {"none": {}}})
        await until(lambda: live.refusal is not None)
        assert admission.plan.hash == live.current.hash


async def test_a_rotated_key_is_in_use_soon(tmp_path: Path) -> None:
    file, key = tmp_path / "pool.yaml", tmp_path / "key"
    key.write_text("one")
    endpoint = {"name": "e", "url": "http://e.test/v1", "key": {"file": str(key)}}
    file.write_text(yaml.safe_dump({"models": {"m": {"endpoints": [endpoint]}}}))
    admission = Admission(loaded(file))
    async with admission.running():
        compiled = admission.plan.models["m"].endpoints[0]
        assert compiled.auth == ("authorization", "Bearer one")
        key.write_text("second")
        await until(lambda: compiled.auth == ("authorization", "Bearer second"))


def slices(*pods: tuple[str, bool | None]) -> dict[str, Any]:
    """The pods in one slice, and all again in a second, as for a service with two address families."""
    endpoints = [
        {"addresses": [f"10.0.0.{n}"], "conditions": {} if up is None else {"ready": up}, "targetRef": {"uid": uid}}
        for n, (uid, up) in enumerate(pods)
    ]
    return {"items": [{"endpoints": endpoints}, {"endpoints": endpoints}, {"endpoints": None}]}


async def test_the_cluster_says_how_many_copies_there_are(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("pod-token")
    (tmp_path / "namespace").write_text("rag")
    answers = [slices(("a", True), ("b", None), ("c", False)), slices(("a", True)), {"items": "?"}, None]
    seen: list[tuple[str, str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, request.query["labelSelector"], request.headers["authorization"]))
        answer = answers[min(len(seen), len(answers)) - 1]
        return web.json_response(answer) if answer else web.Response(status=403)

    async with serving(handler, "/{path:.*}") as url:
        count = ReplicaCount(ApiServer(url, tmp_path))
        settings = Replicas(service="llm-proxy", count=7)
        assert [await count.look(settings) for _ in range(4)] == [2, 1, 1, 1]
    assert seen[0] == (
        "/apis/discovery.k8s.io/v1/namespaces/rag/endpointslices",
        "kubernetes.io/service-name=llm-proxy",
        "Bearer pod-token",
    )
    assert await ReplicaCount(ApiServer(url, tmp_path)).look(settings) == 7


async def test_a_static_number_elsewhere() -> None:
    assert await ReplicaCount(None).look(Replicas(service="llm-proxy", count=3)) == 3
    assert ready({"items": []}) == 1


async def test_limits_follow_the_count_of_copies(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    write(file, replicas={"service": "llm-proxy", "namespace": "rag"})
    (tmp_path / "token").write_text("pod-token")

    async def handler(_: web.Request) -> web.Response:
        return web.json_response(slices(("a", True), ("b", True), ("c", True)))

    async with serving(handler, "/{path:.*}") as url:
        admission = Admission(loaded(file), workers=2, api_server=ApiServer(url, tmp_path))
        state = admission.plan.models["m"].endpoints[0].state
        assert state.concurrency == 6
        async with admission.running():
            await until(lambda: state.concurrency == 2)


async def test_the_pods_identity_is_exchanged_for_a_token(tmp_path: Path) -> None:
    (tmp_path / "projected").write_text("assertion")
    forms: list[dict[str, Any]] = []

    async def handler(request: web.Request) -> web.Response:
        forms.append(dict(await request.post()))
        return web.json_response({"access_token": "azure-token", "expires_in": 3600})

    async with serving(handler, "/tenant/oauth2/v2.0/token") as url:
        environment = {
            "AZURE_AUTHORITY_HOST": url,
            "AZURE_TENANT_ID": "tenant",
            "AZURE_CLIENT_ID": "client",
            "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "projected"),
        }
        key = Key(None, awaited=True)
        identity = Identity(environment)
        assert await identity.refresh([key]) == [key]
        assert await identity.refresh([key]) == []
    assert key.header == ("authorization", "Bearer azure-token")
    assert len(forms) == 1
    assert forms[0]["client_assertion"] == "assertion"


async def test_an_identity_that_is_not_configured_leaves_the_endpoint_out() -> None:
    key = Key(None, awaited=True)
    assert await Identity({}).refresh([key]) == []
    assert not key.usable
