"""Runs an ASGI application until it is told to end, and ends it without a request lost."""

import asyncio
import os
import signal
import socket
from typing import Any

import uvicorn

from common import health
from common.settings import ServiceSettings

# How long load balancers may need to notice that the process is no longer ready.
NOTICE_S = float(os.environ.get("FAIRLEAD_DRAIN_NOTICE_S", "0"))


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


def serve(
    app: Any,
    settings: ServiceSettings,
    state: health.Health | None = None,
    *,
    protocol: "type[asyncio.Protocol] | None" = None,
    share_port: bool = False,
) -> None:
    """Run the application until SIGTERM or SIGINT; open requests get `settings.drain_s` to end.

    `app` may be an ASGI callable without FastAPI; `state` is then its health. `protocol` speaks HTTP with the caller.
    With `share_port` other processes may listen on the same port, and the kernel deals the connections out.
    """
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=protocol or "httptools",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        # Nobody here asks for a caller's address, and looking for it in headers costs every request.
        proxy_headers=False,
        timeout_graceful_shutdown=int(settings.drain_s) or None,
        h11_max_incomplete_event_size=64 * 1024,
    )
    server = _Server(config, state or app.state.health)
    server.run([_shared(settings)] if share_port else None)
    if not server.started:
        raise SystemExit(1)


def _shared(settings: ServiceSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((settings.host, settings.port))
    return listener
