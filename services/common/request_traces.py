"""The HTTP middleware that makes a trace of each request, so that a service is traced without a word of its own."""

from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from common import exemplars, logs
from common.metrics import METHODS, OTHER
from common.telemetry import RootSpan, Telemetry

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What only reads is counted and timed, and logged where it fails. Pages and probes ask every few seconds: as traces
# they would bury those that people look for.
ONLY_READ = frozenset({"GET", "HEAD", "OPTIONS"})
# What semantic conventions call a method that nobody knows: callers can make names up.
UNKNOWN = "_OTHER"


class RequestTraces:
    """ASGI middleware: a request's root span, named by its route until somebody knows better (`root_span`)."""

    def __init__(self, app: "ASGIApp", telemetry: Telemetry) -> None:
        self.app = app
        self.telemetry = telemetry

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on within its trace."""
        if scope["type"] != "http" or scope["method"] in ONLY_READ:
            await self.app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in METHODS else UNKNOWN
        status = 499  # what remains when the caller left before an answer began

        async def observe(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self.telemetry.request_span(method, Headers(scope=scope)) as root:
            exemplars.name_trace(root.trace_id)
            root.set("fairlead.request_id", logs.request_id.get())
            try:
                await self.app(scope, receive, observe)
            finally:
                _conclude(root, method, getattr(scope.get("route"), "path", None), status)


def _conclude(root: RootSpan, method: str, route: str | None, status: int) -> None:
    root.set("http.route", route)
    root.set("http.response.status_code", status)
    if not root.named:
        root.rename(f"{method} {route or OTHER}")
    # HTTP semantic conventions: what the caller did wrong is no error of the server.
    if status >= 500:
        root.set("error.type", str(status))
        if not root.named:
            root.fail(f"HTTP {status}")
    elif not root.named and status < 400:
        root.ok()
