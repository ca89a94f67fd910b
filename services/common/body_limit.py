"""Refuses a request body over its limit: by its declared length before a byte is read, else once it has grown over.

The framework's own limit answers a declared length in plain text from outside every handler; callers parse JSON.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from common.errors import respond, too_large

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """ASGI middleware with a limit of `largest` bytes; `by_path` holds the paths that have another one (uploads)."""

    def __init__(self, app: "ASGIApp", largest: int, by_path: Mapping[str, int]) -> None:
        self.app = app
        self.largest = largest
        self.by_path = dict(by_path)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on with a `receive` that counts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.by_path.get(scope["path"], self.largest)
        message = f"The request body is over the limit of {limit} bytes."
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > limit:
            # The body stays unread, so the connection cannot carry a next request.
            await respond(too_large(message, headers={"connection": "close"}), scope, receive, send)
            return
        seen = 0

        async def counted() -> "Message":
            nonlocal seen
            part = await receive()
            if part["type"] == "http.request":
                seen += len(part.get("body", b""))
                if seen > limit:
                    # Of the framework's own kind: its body parsing would turn any other into a 400.
                    raise HTTPException(413, message)
            return part

        await self.app(scope, counted, send)
