"""The answer on its way to the caller: begun once, ended once, and never cut without saying so."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from common.errors import ApiError, error_body
from common.spending import PRICE_HEADER as PRICE
from llm_proxy.http_server import CONNECTION, CYCLE, CallerConnection
from llm_proxy.judgement import Verdict
from llm_proxy.observation import Course

if TYPE_CHECKING:
    from starlette.types import Scope, Send

EVENT_STREAM = "text/event-stream"
# What of an endpoint's own headers reaches the caller.
PASSED_BACK = ("openai-processing-ms", "openai-model", "x-ms-region")
PRICE_HEADER = PRICE.encode()
DONE = b"data: [DONE]\n\n"


class Outlet:
    """One answer. `began` is when the request came, on the performance counter."""

    __slots__ = ("_began", "_connection", "_course", "_cycle", "_responses", "_send", "_show", "begun", "ended")

    def __init__(
        self, scope: "Scope", send: "Send", course: Course, began: float, *, show: bool, responses: bool
    ) -> None:
        self._connection: CallerConnection = scope[CONNECTION]
        self._cycle = scope[CYCLE]
        self._send = send
        self._course = course
        self._began = began
        self._show = show
        self._responses = responses
        self.begun = False
        self.ended = False

    async def whole(self, verdict: Verdict, endpoint: str, headers: Mapping[str, str]) -> None:
        """An answer that is complete."""
        start = self._headers(verdict.content_type, endpoint, headers)
        self.begun = self.ended = self._course.answered_with_head = True
        self._course.status = verdict.status
        await self._connection.answer(self._cycle, verdict.status, start, verdict.body)

    async def begin(self, endpoint: str, headers: Mapping[str, str]) -> None:
        """The head of a stream."""
        start = self._headers(headers.get("content-type", EVENT_STREAM), endpoint, headers)
        # Proxies on the way must not collect what is meant to arrive word by word.
        start += [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
        self.begun = self._course.answered_with_head = True
        self._course.status = 200
        await self._send({"type": "http.response.start", "status": 200, "headers": start})

    async def piece(self, data: bytes) -> None:
        """The next bytes of a stream; waits while the caller is slow. Raises ClientGone when it is too slow."""
        if self._connection.flow.write_paused and not self._cycle.disconnected:
            await self._connection.room()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, last: bytes = b"") -> None:
        """The end of a stream."""
        self.ended = True
        await self._send({"type": "http.response.body", "body": last})

    async def fail(self, error: ApiError) -> None:
        """End a begun stream by its one error event, in the shape of the API that was called."""
        if self._responses:
            event = {"type": "error", "code": error.code, "message": error.message, "param": error.param}
            await self.end(b"\n\nevent: error\ndata: " + msgspec.json.encode(event) + b"\n\n")
        else:
            await self.end(b"\n\ndata: " + msgspec.json.encode(error_body(error)) + b"\n\n")

    def _headers(self, content_type: str, endpoint: str, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
        start = [
            (b"content-type", content_type.encode("latin-1")),
            (b"x-request-id", self._course.request_id.encode("latin-1")),
        ]
        for name in PASSED_BACK:
            if name in headers:
                start.append((name.encode(), headers[name].encode("latin-1")))
        course = self._course
        if course.stand_in:
            start.append((b"x-fairlead-stand-in", b"true"))
        if course.price_line:
            start.append((PRICE_HEADER, course.price_line))
        if self._show:
            own_ms = (time.perf_counter() - self._began - course.upstream_s - course.queued_s) * 1000
            start += [
                (b"x-fairlead-endpoint", endpoint.encode()),
                (b"x-fairlead-attempts", b"%d" % course.calls),
                (b"x-fairlead-proxy-ms", b"%.2f" % own_ms),
            ]
        return start
