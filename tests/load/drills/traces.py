"""Drills of the alerts on telemetry itself."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from conftest import free_port
from drills.answers import ask
from drills.drill import Drill
from drills.stage import ROOT, Stage


@asynccontextmanager
async def collector_halted(stage: Stage) -> AsyncIterator[None]:
    """The collector takes connections and answers nothing."""
    with stage.halted("otelcol"):
        yield


@asynccontextmanager
async def store_halted(stage: Stage) -> AsyncIterator[None]:
    """MLflow stands still, so that the collector keeps what it cannot hand on."""
    with stage.halted("standalone.mlflow_server"):
        yield


@asynccontextmanager
async def spans_thrown_away(stage: Stage) -> AsyncIterator[None]:
    """A copy of the pool sends its spans to a receiver that says that it has them and has not."""
    config = stage.folder / "astray-pool.yaml"
    config.write_text("models: {m: {endpoints: [{name: e, url: 'http://127.0.0.1:9/v1'}]}}\n", encoding="utf-8")
    astray, port = free_port(), free_port()
    application = web.Application()
    application.router.add_post("/v1/traces", _taken)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", astray).start()
    environment = os.environ | {"FAIRLEAD_OTLP_ENDPOINT": f"http://127.0.0.1:{astray}/v1/traces"}
    command = (sys.executable, "-m", "llm_proxy", "--config", str(config), "--port", str(port))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment)
    await stage.retarget("llm-proxy", port)
    stage.ports["ASTRAY_PORT"] = port
    try:
        yield
    finally:
        process.terminate()
        await process.wait()
        await runner.cleanup()


async def _taken(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(content_type="application/x-protobuf")


async def call_astray(stage: Stage) -> None:
    """Calls of that copy, which has no model that works: each fails soon, and each is a span."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    path, soon = "/v1/chat/completions", {"x_request_deadline_ms": "300"}
    await asyncio.gather(*(stage.post(path, body, "ASTRAY", **soon) for _ in range(40)))


DRILLS = (
    Drill("TelemetryLost", collector_halted, ask, ask),
    Drill("TelemetryUnaccounted", spans_thrown_away, call_astray, ask),
    # The queue holds so many traces that a third of it is hours of a drill's questions.
    Drill("CollectorQueueFilling", store_halted, ask, ask, eased={"> 0.33": "> 0.0005"}),
)
