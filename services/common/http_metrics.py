"""The HTTP middleware that counts and times requests."""

import time
from typing import TYPE_CHECKING

from starlette.routing import Match

from common import exemplars
from common.metrics import HTTP_OPEN, HTTP_REQUESTS, HTTP_SECONDS, METHODS, OTHER

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HttpMetrics:
    """ASGI middleware that counts and times requests by route template, so that ids in paths add no series."""

    def __init__(self, app: "ASGIApp", owner: "FastAPI", service: str) -> None:
        self.app = app
        self.owner = owner
        self.service = service
        self.open = HTTP_OPEN.labels(service)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on; account for it when its answer has ended."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 499  # what remains when the caller left before an answer began

        async def observe(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        exemplar = exemplars.begin()
        began = time.perf_counter()
        self.open.inc()
        try:
            await self.app(scope, receive, observe)
        finally:
            self.open.dec()
            route = self._template(scope)
            method = scope["method"] if scope["method"] in METHODS else OTHER
            HTTP_REQUESTS.labels(self.service, route, method, str(status)).inc()
            HTTP_SECONDS.labels(self.service, route).observe(time.perf_counter() - began, exemplar or None)

    def _template(self, scope: "Scope") -> str:
        route = scope.get("route")
        if route is None:
            for candidate in self.owner.router.routes:
                if candidate.matches(scope)[0] is not Match.NONE:
                    route = candidate
                    break
        return getattr(route, "path", None) or OTHER
