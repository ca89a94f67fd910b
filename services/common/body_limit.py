"""Refuses a request body over its limit: by its declared length before a byte is read, else once it has grown over."""

import json
from typing import TYPE_CHECKING

from common.errors import ApiError, error_body, too_large

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Uploads stream to object storage and have a limit of their own, which their route enforces.
UPLOADS = "multipart/form-data"


class BodyLimit:
    """ASGI middleware over every request but uploads."""

    def __init__(self, app: "ASGIApp", largest: int) -> None:
        self.app = app
        self.largest = largest

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on with a `receive` that counts."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if headers.get(b"content-type", b"").decode("latin-1").startswith(UPLOADS):
            await self.app(scope, receive, send)
            return
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.largest:
            await _refuse(self._error(), send)
            return
        seen = 0

        async def counted() -> "Message":
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > self.largest:
                    raise self._error()
            return message

        await self.app(scope, counted, send)

    def _error(self) -> ApiError:
        return too_large(f"The request body is over the limit of {self.largest} bytes.")


async def _refuse(error: ApiError, send: "Send") -> None:
    body = json.dumps(error_body(error)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    # The unread body makes the connection useless for a next request.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
