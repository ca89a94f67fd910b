"""The frame of every service: what `main.py` calls, so that health, errors, ids, metrics and drain are wired once."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request, Response

from common import error_handlers, errors, health, logs, loop_lag, probes
from common.auth import Authenticator, CallerDep
from common.body_limit import BodyLimit
from common.exposition import exposed
from common.http_metrics import HttpMetrics
from common.live_config import LiveConfig, Snapshot
from common.metrics import BUILD
from common.observing import TelemetryTunables
from common.request_traces import RequestTraces
from common.serving import serve
from common.settings import ServiceSettings
from common.telemetry import Telemetry
from common.threads import ContextThreads

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["RequestId", "Resources", "create_app", "serve"]

Resources = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    settings: ServiceSettings,
    *,
    routers: Sequence[APIRouter] = (),
    resources: Resources | None = None,
    live: LiveConfig[Any] | None = None,
    body_limits: Mapping[str, int] | None = None,
    trace_requests: bool = True,
) -> FastAPI:
    """A service's application.

    `resources` is a context manager that opens what the service needs (pools, clients, background tasks) onto
    `app.state` and closes it after the last request. `app.state` also holds `settings`, `health`, `telemetry`, `auth`
    and `live`. `body_limits` gives paths whose bodies may be larger than `settings.max_body_bytes` (uploads).
    `trace_requests`: whether each request that changes or asks something is a trace, without a word of its route.
    """
    logs.setup(settings.service, settings.log_level)
    state = health.Health(settings.service)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(app.state.telemetry.close)
            stack.enter_context(app.state.auth.running())
            # `run_in_executor(None, …)` then goes on in its caller's trace, as `asyncio.to_thread` does by itself.
            asyncio.get_running_loop().set_default_executor(ContextThreads())
            await stack.enter_async_context(loop_lag.watched(settings.service))
            if live is not None:
                await stack.enter_async_context(live.watch())
            if resources is not None:
                await stack.enter_async_context(resources(app))
            yield

    app = FastAPI(
        title=f"Fairlead {settings.service}",
        version=settings.commit,
        lifespan=lifespan,
        redoc_url=None,
        # The platform writes its own spans, by the contract of `common.telemetry`.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.settings = settings
    app.state.health = state
    app.state.telemetry = Telemetry(settings)
    app.state.auth = Authenticator(settings)
    app.state.auth.watched(state)
    app.state.live = live
    if live is not None:
        observe(live, app.state.telemetry, settings)
    BUILD.labels(settings.service, settings.commit, settings.environment).set(1)

    app.include_router(probes.router(state))
    app.include_router(_operations(live))
    for router in routers:
        app.include_router(router)
    error_handlers.install(app)
    # The last added is the outermost: an unexpected failure is answered inside what counts and names the request.
    app.add_middleware(BodyLimit, largest=settings.max_body_bytes, by_path=body_limits or {})
    app.add_middleware(errors.Unexpected, service=settings.service)
    if trace_requests:
        app.add_middleware(RequestTraces, telemetry=app.state.telemetry)
    app.add_middleware(HttpMetrics, owner=app, service=settings.service)
    app.add_middleware(RequestId)
    return app


def observe(live: LiveConfig[Any], telemetry: Telemetry, settings: ServiceSettings) -> None:
    """Log and capture as the tunables say, now and after each change of them."""

    def apply(snapshot: Snapshot[Any]) -> None:
        wanted: TelemetryTunables = snapshot.value.telemetry
        telemetry.capture(wanted.content)
        logs.follow(wanted.logs.level, wanted.logs.modules, settings.log_level)
        logs.redact_with(wanted.content.redactor())

    live.subscribe(apply)
    apply(live.current)


def _operations(live: LiveConfig[Any] | None) -> APIRouter:
    routes = APIRouter()

    @routes.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        """Prometheus text, or OpenMetrics."""
        content_type, body = exposed(request.headers.get("accept", ""))
        return Response(body, media_type=content_type)

    _ = metrics
    if live is not None:

        @routes.get("/v1/config")
        async def config(_: CallerDep) -> dict[str, Any]:
            """The tunables in force, their hash and source, and why the last edit was refused, if it was."""
            return live.status()

        _ = config
    return routes


class RequestId:
    """ASGI middleware: every answer carries `x-request-id`; a sane one from the caller is kept."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Name the request for logs and answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
        request_id = given if _SANE_ID.fullmatch(given) else f"req_{os.urandom(12).hex()}"
        logs.request_id.set(request_id)

        async def named(message: "Message") -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode("latin-1"))]
            await send(message)

        await self.app(scope, receive, named)


_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
