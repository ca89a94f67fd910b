"""An answer being made for one client: it runs as a task of its own, and ends at once when the client goes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse

from common.errors import ApiError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

T = TypeVar("T")

# A reader that is slower than the model makes the model wait, after this many pieces.
PIECES_AHEAD = 64
# Some reverse proxies hold a response back until it is complete; this asks them not to.
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def client_gone() -> ApiError:
    """Nobody reads this; it ends the request. 499 is what proxies log for it."""
    return ApiError(499, "The client closed the connection.", code="client_closed_request")


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled when the client closes the connection meanwhile."""
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_disconnect(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise client_gone()
        return task.result()
    finally:
        await _end(task)
        await _end(gone)


class Stream:
    """The pieces of an answer, from the task that makes it to the response that sends it."""

    def __init__(self, make: Callable[[Callable[[str], Awaitable[None]]], Coroutine[Any, Any, T]]) -> None:
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue(PIECES_AHEAD)
        self._task = asyncio.create_task(self._run(make(self._pieces.put)))

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await work
        finally:
            # Cancelled, nobody reads any more; else the reader must wake up to find the task done.
            if not asyncio.current_task().cancelling():  # pyright: ignore[reportOptionalMemberAccess]
                await self._pieces.put(None)

    async def first(self) -> str | None:
        """The first piece, None when there is none; raises what the task raised before it said anything."""
        piece = await self._pieces.get()
        if piece is None:
            await self.result()
        return piece

    async def rest(self) -> AsyncIterator[str]:
        """The pieces after the first."""
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def result(self) -> Any:
        """What the task returned, or raises what it raised."""
        return await asyncio.shield(self._task)

    async def close(self) -> None:
        """Cancel the task if it still runs, and wait until it has ended."""
        await _end(self._task)


class StreamResponse(StreamingResponse):
    """Server-sent events of a `Stream`; however the response ends, the answer is not made any further."""

    def __init__(self, events: AsyncIterator[bytes], stream: Stream) -> None:
        super().__init__(events, media_type="text/event-stream", headers=_HEADERS)
        self._stream = stream

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._stream.close()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _end(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
