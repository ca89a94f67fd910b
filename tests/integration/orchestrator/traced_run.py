"""A real run of the platform in which all that traces can say is said: the pool, the worker and the orchestrator."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psycopg
import yaml
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SentSpan

from common import key_file
from conftest import Database
from fakes.pool import FakePool
from fakes.process import service
from fakes.traces import TraceReceiver, attributes

PATIENCE_S = 60.0
CALLER = "a" * 32
PAGE = "# The {0}\n\nThe {0} was built in 1874. It is forty metres high.\n\nThe keeper writes a log.\n"
QUESTION = "When was the lighthouse built?"
ANSWER = "The lighthouse was built in 1874 [1]."
MODELS = ("chat", "all-MiniLM-L6-v2", "extractive-qa", "rerank")


@dataclass
class TracedRun:
    """What was answered, by what was asked, and what was sent of it."""

    receiver: TraceReceiver
    answers: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def trace_of(self, asked: str) -> dict[str, SentSpan]:
        """The spans of an answer's trace by their names; of several the last."""
        trace_id = self.answers[asked]["trace_id"]
        return {span.name: span for span in self.receiver.spans if span.trace_id.hex() == trace_id}

    def attributes(self) -> Iterator[tuple[str, Any]]:
        """Every attribute that was sent, with its value."""
        for resource in self.receiver.resources:
            yield from resource.items()
        for span in self.receiver.spans:
            yield from attributes(span).items()
            for event in span.events:
                yield from attributes(event).items()


@asynccontextmanager
async def traced_run(database: Database, folder: Path) -> AsyncIterator[TracedRun]:
    """Run it; all of its spans are there."""
    keys = {tenant: key_file.create(folder / "keys.json", tenant=tenant)[0] for tenant in ("default", "open")}
    async with TraceReceiver().running() as receiver:
        run = TracedRun(receiver)
        async with AsyncExitStack() as stack:
            upstream = await stack.enter_async_context(FakePool().running())
            api, pool = await _started(stack, database, folder, receiver, upstream)
            api.headers["authorization"] = f"Bearer {keys['open']}"
            await api.post("/vector_stores", json={"name": "a store of the tenant whose content is captured in full"})
            api.headers["authorization"] = f"Bearer {keys['default']}"
            await _ask(api, run, upstream)
            await asyncio.gather(*(pool.post("/chat/completions", json=_turns("rare")) for _ in range(2)))
            with psycopg.connect(database.owner_url) as connection:
                connection.execute("ALTER TABLE feedback RENAME TO mislaid")
            failed = await api.post("/feedback", json={"trace_id": CALLER, "value": 5})
            assert failed.status_code >= 500, failed.text
        # Each process has sent what it still had before it ended.
        yield run


async def _started(
    stack: AsyncExitStack, database: Database, folder: Path, receiver: TraceReceiver, upstream: FakePool
) -> list[httpx.AsyncClient]:
    """Clients of the orchestrator and of the pool."""
    models: dict[str, Any] = {name: {"endpoints": [{"name": "only", "url": upstream.url}]} for name in MODELS}
    # Judged over a second: whoever comes at once after another waits.
    once = {"requests_per_minute": 60, "requests_window_s": 1}
    models["rare"] = {"endpoints": [{"name": "slow", "url": upstream.url, "limits": once}]}
    prices = {"models": {"chat": {"input": 1.0, "output": 2.0}}}
    (folder / "pool.yaml").write_text(yaml.safe_dump({"models": models, "prices": prices}))
    tunables: dict[str, Any] = {
        "model": "chat",
        "rewrite": True,
        "rerank": True,
        "rerank_model": "rerank",
        "expand": "section",
        "telemetry": {"content": {"tenants": {"open": "full"}}},
    }
    (folder / "orchestrator.yaml").write_text(yaml.safe_dump(tunables))
    environment = {
        "FAIRLEAD_OTLP_ENDPOINT": receiver.url,
        "FAIRLEAD_DATABASE_URL": database.app_url,
        "FAIRLEAD_OBJECTS_URL": (folder / "objects").as_uri(),
    }

    async def start(package: str, **more: str) -> str:
        return await stack.enter_async_context(service(package, folder, environment | more))

    pool = await start("llm_proxy", FAIRLEAD_CONFIG_FILE=str(folder / "pool.yaml"))
    await start("ingestion", FAIRLEAD_POOL_URL=f"{pool}/v1")
    orchestrator = await start(
        "orchestrator",
        FAIRLEAD_POOL_URL=f"{pool}/v1",
        FAIRLEAD_CONFIG_FILE=str(folder / "orchestrator.yaml"),
        FAIRLEAD_AUTH="keys",
        FAIRLEAD_KEYS_FILE=str(folder / "keys.json"),
    )
    return [
        await stack.enter_async_context(httpx.AsyncClient(base_url=f"{url}/v1", timeout=PATIENCE_S))
        for url in (orchestrator, pool)
    ]


async def _ask(api: httpx.AsyncClient, run: TracedRun, upstream: FakePool) -> None:
    store = (await api.post("/vector_stores", json={"name": "default"})).json()["id"]
    for name in ("lighthouse", "harbour light"):
        upload = {"files": {"file": (f"{name}.md", PAGE.format(name).encode())}, "data": {"purpose": "assistants"}}
        file = (await api.post("/files", **upload)).json()["id"]
        await api.post(f"/vector_stores/{store}/files", json={"file_id": file})
    async with asyncio.timeout(PATIENCE_S):
        while (await api.get(f"/vector_stores/{store}")).json()["file_counts"]["in_progress"]:
            await asyncio.sleep(0.1)
    upstream.pieces, upstream.rewritten, upstream.rerank_order = [ANSWER[:10], ANSWER[10:]], QUESTION, [0, 1]
    turns = [
        {"role": "user", "content": "Is there a lighthouse?"},
        {"role": "assistant", "content": "There is one."},
        {"role": "user", "content": "When was it built?"},
    ]
    question: dict[str, Any] = {"messages": turns, "user": "ada", "fairlead": {"session_id": "tour"}}
    caller = {"traceparent": f"00-{CALLER}-{'b' * 16}-01"}
    run.answers["whole"] = (await api.post("/chat/completions", json=question, headers=caller)).json()
    streamed = (await api.post("/chat/completions", json=question | {"stream": True})).text
    run.answers["streamed"] = next(event for event in _events(streamed) if "trace_id" in event)
    await api.post(f"/vector_stores/{store}/search", json={"query": QUESTION})
    said = {"trace_id": run.answers["whole"]["trace_id"], "value": "down", "rationale": "too short"}
    run.answers["judged"] = (await api.post("/feedback", json=said)).json()
    await api.post("/chat/completions", json=_turns(text=QUESTION + " very" * 70_000))
    await api.post("/chat/completions", json={"messages": "no list"})
    upstream.pieces = ["It was built in 1874. " * 15_000]
    await api.post("/chat/completions", json=_turns())
    upstream.fail["/chat/completions"] = 503
    run.answers["degraded"] = (await api.post("/chat/completions", json=question)).json()
    upstream.fail.clear()


def _turns(model: str = "fairlead", text: str = QUESTION) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}]}


def _events(text: str) -> list[dict[str, Any]]:
    lines = [line[5:].strip() for line in text.splitlines() if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]
