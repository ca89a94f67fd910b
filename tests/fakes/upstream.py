"""A model endpoint over real HTTP whose next answers are scripted, down to its bytes, and which remembers its calls.

By hand, from the folder `tests`: `python -m fakes.upstream 9000 SCRIPT` serves each answer of the script once and the
last one for ever, such as `'[{"status": 429}, {"pieces": ["data: x"], "then": "cut"}]'`; without a script it answers
every chat as it is asked, whole or as a stream. Point an endpoint of the pool at `http://127.0.0.1:9000/v1`.
"""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

Then = Literal["end", "close", "cut", "stall"]
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "fake",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11},
}


@dataclass(frozen=True)
class Reply:
    """One answer: `body` as JSON, or `pieces` as a chunked stream, or `raw` bytes instead of any HTTP of ours."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[bytes] | None = None
    raw: bytes | None = None
    silent: bool = False
    """Nothing at all is sent, ever."""
    delay_s: float = 0.0
    """Before the first byte, and before every further piece."""
    cut_at: int | None = None
    """How many bytes of the body are sent; the connection is then cut, whatever the head said."""
    then: Then = "end"
    """After the last piece: the end of the stream, a close without one, a reset, or nothing more, ever."""


@dataclass
class Endpoint:
    """`replies` are given in their order, the last one for ever."""

    replies: list[Reply]
    url: str = ""
    seen: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a caller leaves before its answer has ended."""
    called: asyncio.Event = field(default_factory=asyncio.Event)
    open: int = 0
    """Connections."""

    @property
    def calls(self) -> int:
        return len(self.seen)

    def next(self, body: Any) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.open -= 1
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        parsed = json.loads(body) if body[:1] in b"{[" else body.decode()
        reply = self.next(parsed)
        self.seen.append((headers, parsed))
        self.paths.append(head[0].split(" ")[1])
        self.called.set()
        if reply.silent:
            await self._until_left(reader)
        if reply.delay_s:
            await self._or_left(reader, reply.delay_s)
        writer.write(_start(reply))
        if reply.cut_at is not None:
            await writer.drain()
            return False
        for number, piece in enumerate(reply.pieces or ()):
            if number and reply.delay_s:
                await self._or_left(reader, reply.delay_s)
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        return await self._finish(reply, reader, writer)

    async def _finish(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if reply.then == "stall":
            await self._until_left(reader)
        if reply.then == "cut":
            return False
        if reply.then == "close" or reply.raw is not None:
            writer.write_eof() if writer.can_write_eof() else writer.close()
            await self._until_left(reader)
        if reply.pieces is not None:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return reply.headers.get("connection") != "close"

    async def _until_left(self, reader: asyncio.StreamReader) -> None:
        while await reader.read(1024):
            pass
        self.left.set()
        raise ConnectionResetError

    async def _or_left(self, reader: asyncio.StreamReader, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._until_left(reader), seconds)
        except TimeoutError:
            return


def _start(reply: Reply) -> bytes:
    if reply.raw is not None:
        return reply.raw
    whole = b"" if reply.pieces is not None else json.dumps(reply.body).encode()
    headers = {"content-type": "application/json" if reply.pieces is None else "text/event-stream"}
    headers |= {"content-length": str(len(whole))} if reply.pieces is None else {"transfer-encoding": "chunked"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers | dict(reply.headers)).items())
    return f"HTTP/1.1 {reply.status} Scripted\r\n{lines}\r\n".encode("latin-1") + whole[: reply.cut_at]


def event(data: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def said(content: str | None = None, *, role: str | None = None, finish: str | None = None) -> bytes:
    """One event of a streamed chat."""
    delta = {name: value for name, value in (("role", role), ("content", content)) if value is not None}
    return event(
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    )


DONE = b"data: [DONE]\n\n"
STREAM = (said("", role="assistant"), said("ye"), said("s"), said(finish="stop"), DONE)


@asynccontextmanager
async def serving(
    *replies: Reply, tls: ssl.SSLContext | None = None, made: Endpoint | None = None
) -> AsyncIterator[Endpoint]:
    endpoint = made or Endpoint(list(replies))
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(endpoint.serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    endpoint.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield endpoint
    finally:
        server.close()
        for task in tuple(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


class _Chat(Endpoint):
    """Answers every chat as it was asked: whole, or streamed."""

    def next(self, body: Any) -> Reply:
        return Reply(pieces=STREAM) if body.get("stream") else Reply(body=CHAT)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            return await super()._exchange(reader, writer)
        finally:
            self.seen.clear()
            self.paths.clear()


async def _serve(port: int, script: str | None) -> None:
    def reply(fields: dict[str, Any]) -> Reply:
        pieces = fields.pop("pieces", None)
        raw = fields.pop("raw", None)
        encoded = None if pieces is None else [piece.encode() for piece in pieces]
        return Reply(**fields, pieces=encoded, raw=None if raw is None else raw.encode())

    endpoint = Endpoint([reply(fields) for fields in json.loads(script)]) if script else _Chat([])
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
