"""The pool as one ASGI application: what it opens at its start, and which part answers what."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from common import logs, loop_lag
from common.authenticator import Authenticator
from common.health import Health
from common.live_config import LiveConfig
from common.logs import get_logger
from common.metrics import BUILD
from llm_proxy.addressing import Targets
from llm_proxy.admission import Admission
from llm_proxy.check import refuse_faulty
from llm_proxy.config import PoolConfig
from llm_proxy.http_client import upstream_client
from llm_proxy.operations import Operations
from llm_proxy.proxy import OPERATIONS, Proxy
from llm_proxy.relay import Parts
from llm_proxy.settings import PoolSettings
from llm_proxy.tracing import Tracing

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

log = get_logger("service")


class Pool:
    """Raw ASGI: a framework would cost more than the pool itself, at the start and on every call."""

    def __init__(self, settings: PoolSettings) -> None:
        logs.setup(settings.service, settings.log_level)
        self.health = Health(settings.service)
        self._live = LiveConfig.of(PoolConfig, settings, refuse_faulty)
        self._tracing = Tracing(settings)
        self._live.subscribe(lambda snapshot: self._observe(snapshot.value, settings))
        self._observe(self._live.current.value, settings)
        database = settings.database_url
        self._admission = Admission(
            self._live,
            workers=settings.workers,
            ledger_dir=settings.ledger_dir,
            database_url=database.get_secret_value() if database else None,
            api_server=settings.api_server(),
        )
        self._auth = Authenticator(settings)
        self._auth.watched(self.health)
        self._proxy = Proxy(self._admission, self._auth, self._tracing, settings.max_body_bytes)
        self._operations = Operations(self._proxy, self._live, self.health)
        BUILD.labels(settings.service, settings.commit, settings.environment).set(1)

    def _observe(self, config: PoolConfig, settings: PoolSettings) -> None:
        wanted = config.telemetry
        logs.follow(wanted.logs.level, wanted.logs.modules, settings.log_level)
        redactor = wanted.content.redactor()
        logs.redact_with(redactor)
        self._tracing.redactor = redactor

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Serve a model call, a page of the pool's own, or the server's start and end."""
        if scope["type"] == "http":
            operation = OPERATIONS.get(scope["path"])
            if operation is not None and scope["method"] == "POST":
                await self._proxy(operation, scope, receive, send)
            else:
                await self._operations(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _lifespan(self, receive: "Receive", send: "Send") -> None:
        await receive()
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(loop_lag.watched("llm-proxy"))
                stack.enter_context(self._auth.running())
                await stack.enter_async_context(self._live.watch())
                await stack.enter_async_context(self._admission.running())
                client = await stack.enter_async_context(upstream_client())
                await stack.enter_async_context(self._tracing.sending(client))
                targets = Targets()
                self._live.subscribe(lambda _: targets.forget())
                self._proxy.parts = Parts(self._admission.router, client, targets)
            except Exception as error:
                log.exception("start_failed")
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
