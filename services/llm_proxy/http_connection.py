"""One connection to an upstream: sends a request, parses the answer as it comes, and knows by when it must come.

Written over httptools because a general client costs more processor time per call than everything else in the pool
(docs/decisions/0004). What it does not do is not needed here: no redirects, no proxies from the environment, no
cookies, no decompression.
"""

import asyncio
from collections.abc import Callable
from typing import Literal

import httptools

Fault = Literal["connect", "tls", "closed", "timeout", "protocol", "too_large"]

# A head of an answer is a few kilobytes; an upstream that sends more is broken.
LONGEST_HEAD_BYTES = 64 * 1024
# An answer that must be whole before it is passed on is held in memory: 2,048 embeddings as numbers are about 60 MB.
LONGEST_WHOLE_BYTES = 128 * 1024 * 1024
# Of a stream whose reader is slow, this much is held before the upstream is told to wait.
HIGH_WATER_BYTES = 256 * 1024
NEVER = float("inf")

# What of an answer's head is read or passed on; the rest is not even decoded.
KEPT = {
    name.encode(): name
    for name in (
        "content-type content-encoding x-request-id openai-processing-ms openai-model openai-version apim-request-id "
        "retry-after retry-after-ms x-ms-retry-after-ms x-should-retry x-ms-region www-authenticate "
        "x-ratelimit-limit-requests x-ratelimit-limit-tokens x-ratelimit-remaining-requests "
        "x-ratelimit-remaining-tokens x-ratelimit-reset-requests x-ratelimit-reset-tokens "
        "x-ratelimit-reset x-ratelimit-limit x-ratelimit-remaining ratelimit-reset ratelimit-remaining ratelimit-limit"
    ).split()
}


class UpstreamBroken(Exception):
    """No whole answer came. `answered` says whether a byte of one did."""

    def __init__(self, fault: Fault, detail: str, *, answered: bool = False) -> None:
        super().__init__(detail)
        self.fault: Fault = fault
        self.detail = detail
        self.answered = answered


class Connection(asyncio.Protocol):
    """Carries one exchange at a time: `begin`, then `reached`, then `piece` or `whole`, then `done`.

    `deadline` is on the loop's clock and is watched by the client's sweep: a timer for every read would cost more.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, freed: "Callable[[Connection, bool], None]") -> None:
        self._loop = loop
        self._freed = freed
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._error: UpstreamBroken | None = None
        self._paused = False
        self.transport: asyncio.Transport | None = None
        self.busy = False
        self.lost = False
        self.idle_since = 0.0
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.deadline = NEVER
        self.answered = False
        self.complete = False
        self._keep = False
        self._head = False
        self._framed = False
        self._head_bytes = 0
        self._pieces: list[bytes] = []
        self._size = 0
        self._whole = False
        self._gap_s = 0.0
        self._end_by = NEVER
        self._waits_for = ""

    # What the client calls.

    def begin(self, request: bytes, body: bytes, *, whole: bool, first_s: float, gap_s: float, end_by: float) -> None:
        """Send the request. `whole` asks to be woken at the end of the answer only."""
        assert self.transport is not None
        self._reset()
        self.busy = True
        self._whole = whole
        self._gap_s = gap_s
        self._end_by = end_by
        self._waits_for = "no answer began in time"
        self.deadline = min(self._loop.time() + first_s, end_by)
        if len(body) < HIGH_WATER_BYTES:
            self.transport.write(request + body)
        else:
            self.transport.writelines((request, body))

    async def reached(self) -> None:
        """Wait for the head of the answer, or for its end when it was asked for whole; raises UpstreamBroken."""
        while not (self.complete if self._whole else self._head):
            await self._wait()

    async def whole(self) -> bytes:
        """The whole body; raises UpstreamBroken when it does not end as its framing says."""
        self._whole = True
        self._resume()
        while not self.complete:
            await self._wait()
        return self._take()

    async def piece(self) -> bytes:
        """What has come since the last call, at least one byte; b"" at the end. Raises UpstreamBroken."""
        while not self._pieces and not self.complete:
            await self._wait()
        taken = self._take()
        self._resume()
        return taken

    def done(self) -> None:
        """Give the connection back; one whose answer is not read to its end is closed, which cancels the call."""
        if not self.busy:
            return
        self.busy = False
        reusable = (
            self.complete
            and self._keep
            and not self._paused
            and not self.lost
            and self.transport is not None
            and not self.transport.is_closing()
            and not self.transport.get_write_buffer_size()
        )
        self._pieces = []
        if not reusable:
            self.close()
        self._freed(self, reusable)

    def expire(self) -> None:
        """The deadline has passed."""
        self._fail("timeout", self._waits_for)

    def close(self) -> None:
        """Cut the connection; nothing of what is buffered is sent any more."""
        if self.transport is not None:
            self.transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer; bytes that nobody asked for end the connection."""
        if not self.busy or self._parser is None:
            self.close()
            return
        if not self._head:
            self.answered = True
            self._head_bytes += len(data)
        self._waits_for = "the answer stalled"
        self.deadline = min(self._loop.time() + self._gap_s, self._end_by)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail("protocol", f"not HTTP: {type(error).__name__}")
            return
        if not self._head and self._head_bytes > LONGEST_HEAD_BYTES:
            self._fail("protocol", "the head of the answer is too long")

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: the end of an answer that has no other end, else a failure."""
        self.lost = True
        self._parser = None
        if self.busy and not self.complete:
            if self._head and not self._framed and exc is None:
                self.complete = True
                self._wake()
            else:
                what = "the answer was cut" if self._head else "closed without an answer"
                self._fail("closed", what)
        if not self.busy:
            self._freed(self, False)

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        lower = name.lower()
        kept = KEPT.get(lower)
        if kept is not None:
            self.headers[kept] = value.decode("latin-1").strip()
        elif lower == b"content-length" or (lower == b"transfer-encoding" and b"chunked" in value.lower()):
            self._framed = True

    def on_headers_complete(self) -> None:
        """The head is whole; one of an interim answer (1xx) is dropped."""
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status >= 200:
            self.status = status
            self._head = True
            if not self._whole:
                self._wake()
        else:
            self.headers = {}

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._pieces.append(body)
        self._size += len(body)
        if self._whole:
            if self._size > LONGEST_WHOLE_BYTES:
                self._fail("too_large", "the answer is too large")
            return
        self._wake()
        if self._size > HIGH_WATER_BYTES and not self._paused and self.transport is not None:
            self._paused = True
            self.deadline = NEVER  # the reader is slow, not the upstream
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        """The answer has ended as its framing says."""
        if not self._head:
            return
        assert self._parser is not None
        self.complete = True
        self.deadline = NEVER
        self._keep = self._framed and self._parser.should_keep_alive()
        self._wake()

    # How it waits.

    async def _wait(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None
        if self._error is not None and not self._pieces:
            raise self._error

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, fault: Fault, detail: str) -> None:
        if self._error is None and not self.complete:
            self._error = UpstreamBroken(fault, detail, answered=self.answered)
        self.deadline = NEVER
        self._keep = False
        self.close()
        self._wake()

    def _take(self) -> bytes:
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces = []
        self._size = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _resume(self) -> None:
        if self._paused and self.transport is not None:
            self._paused = False
            self.deadline = min(self._loop.time() + self._gap_s, self._end_by)
            if not self.transport.is_closing():
                self.transport.resume_reading()
