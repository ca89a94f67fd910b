"""Answers at once, for measuring what stands before it: `quick_upstream.py PORT [share that fails]`."""

import asyncio
import json
import random
import sys
from itertools import cycle

import uvloop

WORDS = "The mooring line runs through the fairlead and keeps its angle . " * 10
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": WORDS}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 250, "completion_tokens": 130, "total_tokens": 380},
}


def answer(status: int, body: bytes, more: bytes = b"") -> bytes:
    head = b"HTTP/1.1 %d x\r\ncontent-type: application/json\r\nx-request-id: upstream\r\n%scontent-length: %d\r\n\r\n"
    return head % (status, more, len(body)) + body


def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = (
        b"data: "
        + json.dumps(
            {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        ).encode()
        + b"\n\n"
    )
    return b"%x\r\n%s\r\n" % (len(event), event)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENTS = [
    chunk({"role": "assistant", "content": ""}),
    *(chunk({"content": word + " "}) for word in WORDS.split()[:40]),
    chunk({}, "stop"),
    b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n",
]
WHOLE = answer(200, json.dumps(CHAT).encode())
FAILURES = cycle(
    [answer(500, b"{}"), answer(429, b"{}", b"retry-after-ms: 20\r\n"), WHOLE[:200], b"", answer(200, b"{")]
)


class Upstream(asyncio.Protocol):
    fails = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].lower()
            at = head.find(b"content-length:")
            size = int(head[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0
            if len(self.received) < end + 4 + size:
                return
            body, self.received = self.received[end + 4 : end + 4 + size], self.received[end + 4 + size :]
            self.answer(body)

    def answer(self, body: bytes) -> None:
        if self.fails and random.random() < self.fails:
            failure = next(FAILURES)
            self.transport.write(failure)
            if not failure.endswith(b"}") or failure == b"":
                self.transport.close()
        elif b'"stream":true' in body or b'"stream": true' in body:
            self.transport.write(STREAM_HEAD)
            for event in EVENTS:
                self.transport.write(event)
        else:
            self.transport.write(WHOLE)


async def main() -> None:
    Upstream.fails = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
