"""The frame of every service: what `main.py` calls, so that health, errors, ids, metrics and drain are wired once."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi import APIRouter, FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from common import errors, health, logs
from common.auth import Authenticator, CallerDep
from common.body_limit import BodyLimit
from common.live_config import LiveConfig
from common.metrics import BUILD, HttpMetrics
from common.settings import ServiceSettings
from common.telemetry import Telemetry

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

Resources = Callable[[FastAPI], AbstractAsyncContextManager[None]]

# How long load balancers may need to notice that the process is no longer ready.
NOTICE_S = float(os.environ.get("FAIRLEAD_DRAIN_NOTICE_S", "0"))


def create_app(
    settings: ServiceSettings,
    *,
    routers: Sequence[APIRouter] = (),
    resources: Resources | None = None,
    live: LiveConfig[Any] | None = None,
    body_limits: Mapping[str, int] | None = None,
) -> FastAPI:
    """A service's application.

    `resources` is a context manager that opens what the service needs (pools, clients, background tasks) onto
    `app.state` and closes it after the last request. `app.state` also holds `settings`, `health`, `telemetry`, `auth`
    and `live`. `body_limits` gives paths whose bodies may be larger than `settings.max_body_bytes` (uploads).
    """
    logs.setup(settings.service, settings.log_level)
    state = health.Health(settings.service)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(app.state.telemetry.close)
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
    app.state.live = live
    BUILD.labels(settings.service, settings.commit, settings.environment).set(1)

    app.include_router(health.router(state))
    app.include_router(_operations(live))
    for router in routers:
        app.include_router(router)
    errors.install(app)
    # The last added is the outermost: an unexpected failure is answered inside what counts and names the request.
    app.add_middleware(BodyLimit, largest=settings.max_body_bytes, by_path=body_limits or {})
    app.add_middleware(errors.Unexpected, service=settings.service)
    app.add_middleware(HttpMetrics, owner=app, service=settings.service)
    app.add_middleware(RequestId)
    return app


def _operations(live: LiveConfig[Any] | None) -> APIRouter:
    routes = APIRouter()

    @routes.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Prometheus text."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

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


class _Server(uvicorn.Server):
    """uvicorn that turns unready before it stops listening, so that no balancer sends a request into a closed door."""

    def __init__(self, config: uvicorn.Config, state: health.Health) -> None:
        super().__init__(config)
        self._state = state

    def handle_exit(self, sig: int, frame: Any) -> None:
        """First signal: drain, and exit with 0 when it is done. A second SIGINT gives up waiting."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        elif not self._state.draining:
            self._state.draining = True
            if NOTICE_S:
                asyncio.get_running_loop().call_later(NOTICE_S, self._stop)
            else:
                self._stop()

    def _stop(self) -> None:
        self.should_exit = True


def serve(app: Any, settings: ServiceSettings, state: health.Health | None = None) -> None:
    """Run the application until SIGTERM or SIGINT; open requests get `settings.drain_s` to end.

    `app` may be an ASGI callable wrapped around the FastAPI application; `state` is then that application's health.
    """
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(settings.drain_s) or None,
        h11_max_incomplete_event_size=64 * 1024,
    )
    server = _Server(config, state or app.state.health)
    server.run()
    if not server.started:
        raise SystemExit(1)
