"""Prometheus metrics: one registry per process, names prefixed `fairlead_`, the HTTP middleware that times requests."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram
from starlette.routing import Match

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Steps of an answer take from under a millisecond (guards) to minutes (a long generation).
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


def counter(name: str, help: str, labels: Sequence[str] = ()) -> Counter:
    """A counter `fairlead_<name>`."""
    return Counter(f"fairlead_{name}", help, labels)


def gauge(name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
    """A gauge `fairlead_<name>`."""
    return Gauge(f"fairlead_{name}", help, labels)


def histogram(name: str, help: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS) -> Histogram:
    """A histogram `fairlead_<name>`; the unit belongs into the name."""
    return Histogram(f"fairlead_{name}", help, labels, buckets=tuple(buckets))


BUILD = gauge("build_info", "Always 1; what this process was built from", ["service", "commit", "environment"])
HTTP_REQUESTS = counter("http_requests_total", "Requests answered", ["service", "route", "method", "status"])
HTTP_SECONDS = histogram("http_request_seconds", "Time to the last byte of the answer", ["service", "route"])
HTTP_OPEN = gauge("http_requests_open", "Requests being answered now", ["service"])


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

        began = time.perf_counter()
        self.open.inc()
        try:
            await self.app(scope, receive, observe)
        finally:
            self.open.dec()
            route = self._template(scope)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            HTTP_REQUESTS.labels(self.service, route, method, str(status)).inc()
            HTTP_SECONDS.labels(self.service, route).observe(time.perf_counter() - began)

    def _template(self, scope: "Scope") -> str:
        route = scope.get("route")
        if route is None:
            for candidate in self.owner.router.routes:
                if candidate.matches(scope)[0] is not Match.NONE:
                    route = candidate
                    break
        return getattr(route, "path", None) or "other"


_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
