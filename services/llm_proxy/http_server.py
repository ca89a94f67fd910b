"""The server's side of a caller's connection: uvicorn's protocol with bounds on what a caller may cost before its turn.

uvicorn over httptools has no limit on the head of a request and no deadline for it. Its parser (llhttp, strict) refuses
both framings at once, a length given twice and bare line ends; here such a refusal gets the API's shape.
"""

import asyncio
import os
from collections.abc import Callable, Sequence

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from common.errors import ApiError, error_body, invalid

LONGEST_HEAD_BYTES = 32 * 1024
# From a connection's or a request's first byte to the end of its head, and from there to the end of its body.
HEAD_S = float(os.environ.get("FAIRLEAD_REQUEST_HEAD_S", "10"))
# A body may take longer, as it may be larger; by default 12 times as long.
BODY_S = HEAD_S * 12
# After a refusal what still comes is thrown away for so long: closing on unread bytes resets the connection, and the
# caller would lose the answer that says why.
LINGER_S = 2.0
CONNECTION = "fairlead.connection"
CYCLE = "fairlead.cycle"


class ClientGone(Exception):
    """The caller closed the connection, or takes nothing any more."""


class CallerConnection(HttpToolsProtocol):
    """One connection of a caller. `on_gone` is called when it closes while an answer is owed.

    The application finds it in the scope; learning of a caller's leave by `receive` would cost a task per request.
    """

    on_gone: Callable[[], None] | None = None
    _head_bytes = 0
    _in_head = True
    _in_body = False
    _refused = False
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The caller has connected: its first request is due."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_S, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has gone."""
        self._cancel_timer()
        super().connection_lost(exc)
        gone, self.on_gone = self.on_gone, None
        if gone is not None:
            gone()

    def data_received(self, data: bytes) -> None:
        """Bytes of a request, within the bounds."""
        if self._refused:
            return
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > LONGEST_HEAD_BYTES and not self.transport.is_closing():
            message = f"The head of the request is over the limit of {LONGEST_HEAD_BYTES} bytes."
            self.refuse(ApiError(431, message, code="headers_too_large"))
        elif (self._in_head or self._in_body) and self._timer is None and self._head_bytes:
            self._timer = self.loop.call_later(BODY_S if self._in_body else HEAD_S, self._too_slow)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope[CONNECTION] = self  # type: ignore[literal-required]

    def on_headers_complete(self) -> None:
        """The head is whole. A long one that came in one piece is refused all the same."""
        self._cancel_timer()
        self._in_head, self._in_body = False, True
        if self._head_bytes > LONGEST_HEAD_BYTES:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > LONGEST_HEAD_BYTES:
                message = f"The head of the request is over the limit of {LONGEST_HEAD_BYTES} bytes."
                self.refuse(ApiError(431, message, code="headers_too_large"))
                return
        super().on_headers_complete()
        # A caller may send its next request before this one is answered: each knows its own turn.
        self.scope[CYCLE] = self.cycle  # type: ignore[literal-required]

    async def room(self) -> None:
        """Wait until a slow caller has taken what is buffered; raises ClientGone when it takes nothing for too long."""
        try:
            async with asyncio.timeout(BODY_S):
                await self.flow.drain()
        except TimeoutError:
            self.on_gone = None
            self.transport.abort()
            raise ClientGone from None

    async def answer(
        self, cycle: RequestResponseCycle, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> None:
        """A whole answer in one write: the head and the body apart would be two packets and two system calls."""
        if self.flow.write_paused and not cycle.disconnected:
            await self.room()
        if cycle.disconnected:
            return
        parts = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        parts += (b"content-length: %d\r\n\r\n" % len(body), body)
        cycle.response_started = cycle.response_complete = True
        self.transport.write(b"".join(parts))
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._cancel_timer()
        self._in_head, self._in_body, self._head_bytes = True, False, 0
        if self.cycle is not None:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """The parser's refusal, in the API's shape."""
        self.refuse(invalid(msg, code="invalid_http"))

    def _too_slow(self) -> None:
        self._timer = None
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            return  # an answer is under way; what is being read is the caller's next request
        if not self._head_bytes and not self._in_body:
            if cycle is None:
                self.transport.close()  # connected and silent
            return
        self.refuse(ApiError(408, "The request did not arrive in time.", code="request_timeout"))

    def refuse(self, error: ApiError) -> None:
        """Answer with the error, read no more of the request, and close once the caller can have read why."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._cancel_timer()
        cycle = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            body = msgspec.json.encode(error_body(error))
            lines = {"content-type": "application/json", **error.headers, "connection": "close"}
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode("latin-1")
            status = STATUS_LINE.get(error.status, b"HTTP/1.1 %d \r\n" % error.status)
            self.transport.write(b"%s%scontent-length: %d\r\n\r\n%s" % (status, head, len(body), body))
        if cycle is not None:
            # For the application this caller has left.
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write_eof()
        self._timer = self.loop.call_later(LINGER_S, self.transport.close)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
