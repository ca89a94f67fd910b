"""Twenty secrets in questions, documents, names, headers and errors: none of them is in any trace, log or metric."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import yaml
from aiohttp import web

from conftest import Database
from fakes.pool import FakePool
from fakes.process import service
from fakes.traces import TraceReceiver, attributes

PATIENCE_S = 60.0
SECRETS = {
    "question": "sk-proj-AbCdEfGh1234567890abcd",
    "question mail": "grace.hopper@navy.example.mil",
    "earlier turn": "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "earlier phone": "+49 171 2345678",
    "user": "alan.turing@bletchley.example.org",
    "session": "fl-0123456789abcdefghijABCDEFGHIJ",
    "metadata": "xoxb-123456789012-abcdefghij",
    "authorization": "AAAAtoken0123456789bearer",
    "request id": "glpat-abcdefghij0123456789",
    "user agent": "AKIAIOSFODNN7EXAMPLE",
    "cookie": "hunter2-cookie-password",
    "document card": "4111 1111 1111 1111",
    "document iban": "DE89 3704 0044 0532 0130 00",
    "document key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----",
    "document url": "s3cr3tpassw0rd",
    "file name": "hf_abcdefghijABCDEFGHIJ0123",
    "failing model": "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    "bad field": "npm_abcdefghijABCDEFGHIJ0123456789abcd",
    "feedback": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlc2ln",
    "search": "api_key=Zx81Zx81Zx81Zx81",
}
PAGE = (
    "The lighthouse was built in 1874. The keeper pays with {card} or from {iban}. The harbour's database is "
    "postgresql://keeper:{url}@harbour/db and its key is {key} in the safe."
)


def leaked(text: str) -> list[str]:
    """Which secrets are in there, also as JSON or logs escape them."""
    found: list[str] = []
    for name, secret in SECRETS.items():
        parts = [secret, json.dumps(secret)[1:-1]] + (secret.split("\n")[1:2] if "\n" in secret else [])
        if any(part.removeprefix("api_key=") in text for part in parts):
            found.append(name)
    return found


@dataclass
class Assessed:
    """What came to the place of MLflow's assessments."""

    url: str
    bodies: list[str]


@pytest.fixture
async def mlflow() -> AsyncIterator[Assessed]:
    """Takes assessments as MLflow does."""
    assessed = Assessed("", [])

    async def take(request: web.Request) -> web.Response:
        assessed.bodies.append(await request.text())
        return web.json_response({}, status=404 if request.method == "GET" else 200)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    assessed.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield assessed
    await runner.cleanup()


async def test_no_planted_secret_is_in_any_sink(database: Database, tmp_path: Path, mlflow: Assessed) -> None:
    async with AsyncExitStack() as stack:
        receiver = await stack.enter_async_context(TraceReceiver().running())
        upstream = await stack.enter_async_context(FakePool().running())
        config = tmp_path / "pool.yaml"
        endpoints = {"endpoints": [{"name": "only", "url": upstream.url}]}
        names = ("chat", "all-MiniLM-L6-v2", "extractive-qa")
        config.write_text(yaml.safe_dump({"models": dict.fromkeys(names, endpoints)}))
        common = {
            "FAIRLEAD_OTLP_ENDPOINT": receiver.url,
            "FAIRLEAD_LOG_LEVEL": "DEBUG",
            "FAIRLEAD_DATABASE_URL": database.app_url,
            "FAIRLEAD_OBJECTS_URL": (tmp_path / "objects").as_uri(),
            "FAIRLEAD_MLFLOW_URL": mlflow.url,
        }

        async def start(package: str, environment: dict[str, str]) -> str:
            return await stack.enter_async_context(service(package, tmp_path, common | environment))

        pool = await start("llm_proxy", {"FAIRLEAD_CONFIG_FILE": str(config)})
        worker = await start("ingestion", {"FAIRLEAD_POOL_URL": f"{pool}/v1"})
        orchestrator = await start("orchestrator", {"FAIRLEAD_POOL_URL": f"{pool}/v1"})
        headers = {
            "authorization": f"Bearer {SECRETS['authorization']}",
            "user-agent": SECRETS["user agent"],
            "cookie": f"session={SECRETS['cookie']}",
            "x-request-id": SECRETS["request id"],
        }
        api = await stack.enter_async_context(
            httpx.AsyncClient(base_url=f"{orchestrator}/v1", timeout=PATIENCE_S, headers=headers)
        )
        metrics = [f"{url}/metrics" for url in (pool, worker, orchestrator)]
        said = await plant(api, upstream, receiver, mlflow)
        measured = "".join([(await api.get(url)).text for url in metrics])
    spans = "".join(map(str, receiver.spans))
    logs = "".join(file.read_text() for file in tmp_path.glob("*.log"))
    assert {"answer", "search"} <= {span.name for span in receiver.spans}
    assert {"orchestrator", "llm-proxy"} <= {resource["service.name"] for resource in receiver.resources}
    assert leaked(measured) == []
    assert leaked(logs) == []
    assert leaked(spans) == []
    assert leaked("".join(mlflow.bodies)) == []
    # The test sees something: what was redacted left its mark, and the answers themselves are not touched.
    assert "[key]" in spans and "[email]" in spans and "[card]" in spans
    assert "[jwt]" in "".join(mlflow.bodies)
    assert SECRETS["document card"] in said


async def plant(api: httpx.AsyncClient, upstream: FakePool, receiver: TraceReceiver, mlflow: Assessed) -> str:
    """Put every secret where it belongs; gives what a person was answered."""
    page = PAGE.format(
        card=SECRETS["document card"],
        iban=SECRETS["document iban"],
        url=SECRETS["document url"],
        key=SECRETS["document key"],
    )
    store = (await api.post("/vector_stores", json={"name": "default"})).json()["id"]
    for name, content in ((f"{SECRETS['file name']}.txt", page.encode()), (f"bad {SECRETS['file name']}.pdf", b"%PDF")):
        upload = {"files": {"file": (name, content)}, "data": {"purpose": "assistants"}}
        file = (await api.post("/files", **upload)).json()["id"]
        await api.post(f"/vector_stores/{store}/files", json={"file_id": file})
    async with asyncio.timeout(PATIENCE_S):
        while (await api.get(f"/vector_stores/{store}")).json()["file_counts"]["in_progress"]:
            await asyncio.sleep(0.1)
    question = {
        "messages": [
            {"role": "user", "content": f"I am at {SECRETS['earlier phone']}, with {SECRETS['earlier turn']}."},
            {"role": "assistant", "content": f"Noted: {SECRETS['earlier phone']}."},
            {
                "role": "user",
                "content": f"When was the lighthouse built? {SECRETS['question']} {SECRETS['question mail']}",
            },
        ],
        "user": SECRETS["user"],
        "metadata": {"session_id": SECRETS["session"], "note": SECRETS["metadata"]},
    }
    answer: dict[str, Any] = (await api.post("/chat/completions", json=question)).json()
    rating = {"trace_id": answer["trace_id"], "value": "down", "rationale": f"wrong, see {SECRETS['feedback']}"}
    assert (await api.post("/feedback", json=rating | {"user": SECRETS["user"]})).status_code < 300
    assert (await api.post(f"/vector_stores/{store}/search", json={"query": SECRETS["search"]})).status_code == 200
    refused = await api.post("/chat/completions", json=question | {"temperature": SECRETS["bad field"]})
    assert refused.status_code == 400
    upstream.pieces = [ConnectionError(SECRETS["failing model"])]
    upstream.error_event = {"message": f"no access with {SECRETS['failing model']}", "type": "server_error"}
    await api.post("/chat/completions", json=question)
    await receiver.named("answer", 2)
    async with asyncio.timeout(PATIENCE_S):
        while len(mlflow.bodies) < 2:
            await asyncio.sleep(0.05)
    assert attributes((await receiver.named("answer"))[0])["fairlead.capture"] == "redacted"
    return json.dumps(answer)
