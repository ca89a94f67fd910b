"""A web site on loopback, of pages that a test writes, and what was asked of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Site:
    """`pages` maps paths to bodies, `handlers` to code; both may change while it runs."""

    port: int = 0
    pages: dict[str, str | bytes] = field(default_factory=dict[str, str | bytes])
    handlers: dict[str, Handler] = field(default_factory=dict[str, Handler])
    etags: bool = True
    requests: list[web.Request] = field(default_factory=list[web.Request])
    answered: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def paths(self) -> list[str]:
        return [request.path_qs for request in self.requests]

    def redirect(self, path: str, target: str) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": target})

        self.handlers[path] = answer

    def fail(self, path: str, status: int) -> None:
        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status)

        self.handlers[path] = answer

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        handler = self.handlers.get(request.path_qs) or self.handlers.get(request.path)
        response = await handler(request) if handler else self._page(request)
        self.answered.append((request.path_qs, response.status))
        return response

    def _page(self, request: web.Request) -> web.StreamResponse:
        body = self.pages.get(request.path_qs)
        if body is None:
            return web.Response(status=404)
        data = body if isinstance(body, bytes) else body.encode()
        kinds = {"xml": "application/xml", "txt": "text/plain", "json": "application/json", "pdf": "application/pdf"}
        suffix = request.path.rpartition(".")[2] if "." in request.path else ""
        etag = f'"{hash(data) & 0xFFFFFFFF:x}"'
        if self.etags and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        headers = {"ETag": etag} if self.etags else {}
        return web.Response(body=data, content_type=kinds.get(suffix, "text/html"), headers=headers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Site"]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        server = web.TCPSite(runner, "127.0.0.1", self.port)
        await server.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            self.stopped.set()
            await runner.cleanup()
