"""Work for a caller who may leave: it ends when they do, or when their deadline passes."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from common.deadline import Deadline, timed_out
from common.errors import ApiError

T = TypeVar("T")

# nginx's code for it; nobody reads the answer, the access metrics do.
CLIENT_CLOSED_REQUEST = 499


async def while_connected(request: Request, deadline: Deadline, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, cancelled when the caller is gone; raises ApiError 499 then, 504 past the deadline.

    The request's body must have been read.
    """
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({task, gone}, timeout=deadline.remaining(), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise ApiError(CLIENT_CLOSED_REQUEST, "The caller closed the connection.")
        raise timed_out()
    finally:
        gone.cancel()
        task.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
