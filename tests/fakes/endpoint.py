"""A model endpoint over real HTTP whose next answers a test scripts, and which remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Reply:
    """One answer. `pieces` makes it a stream; `then` is what follows the last piece."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[bytes] | None = None
    then: str = "end"
    """`end`, `cut` (connection reset) or `stall` (nothing more, ever)."""


@dataclass
class Endpoint:
    """`replies` are given in their order, the last one for ever."""

    replies: list[Reply]
    url: str = ""
    seen: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def calls(self) -> int:
        return len(self.seen)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(({name.lower(): value for name, value in request.headers.items()}, await request.json()))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply.pieces is None:
            return web.json_response(reply.body, status=reply.status, headers=reply.headers)
        response = web.StreamResponse(headers={"content-type": "text/event-stream", **reply.headers})
        await response.prepare(request)
        for piece in reply.pieces:
            await response.write(piece)
        if reply.then == "cut":
            assert request.transport is not None
            request.transport.abort()
        elif reply.then == "stall":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.left.set()
                raise
        return response


@asynccontextmanager
async def serving(*replies: Reply) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(list(replies))
    app = web.Application()
    app.router.add_post("/v1/{path:.*}", endpoint.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield endpoint
    finally:
        await runner.cleanup()
