"""What can go wrong behind the pool, each fault with what its caller must see; `make pool-faults` writes the table.

Every fault has a model of its own with two endpoints: `first`, which has the fault, and `second`, which is well and
asked only when the first has failed. `alone` faults have no second.
"""

import asyncio
import datetime
import email.utils
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TESTS = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(TESTS))

from fakes.upstream import CHAT, DONE, STREAM, Endpoint, Reply, event, said, serving  # noqa: E402
from integration.llm_proxy.pool_process import Pool, running  # noqa: E402

ERROR = {"error": {"message": "the endpoint's own words", "type": "x", "code": "x"}}
TOO_LONG = {"error": {"message": "maximum context length is 10 tokens", "code": "context_length_exceeded"}}
ROLE, FIRST = said("", role="assistant"), said("ye")
UMLAUT = "data: " + '{"choices": [{"index": 0, "delta": {"content": "Grüße 😀"}}]}' + "\r\n\r\n"
SPLIT = tuple(bytes([byte]) for byte in UMLAUT.encode())
EMPTY = {**CHAT, "choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}]}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
DATE = email.utils.format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1), usegmt=True)
# Long enough for a busy machine to send the pieces that do come, short enough to wait for.
PATIENCE = {"first_token_s": 0.6, "inter_chunk_s": 0.6}


@dataclass(frozen=True)
class Fault:
    """`sees`: what the caller gets: `answer` (of the second), `error`, `stream`, `broken` (content, then one error)."""

    name: str
    reply: Reply | None
    sees: str = "answer"
    calls: tuple[int, int] = (1, 1)
    status: int = 200
    stream: bool = False
    alone: bool = False
    where: str = ""
    """`refused` and `tls` have no endpoint that could be scripted."""
    more: dict[str, Any] = field(default_factory=dict)


FAULTS = (
    Fault("429 without Retry-After", Reply(429, ERROR)),
    Fault("429, Retry-After in seconds", Reply(429, ERROR, {"retry-after": "30"})),
    Fault("429, Retry-After as a duration", Reply(429, ERROR, {"retry-after": "1m30s"})),
    Fault("429, Retry-After as a date", Reply(429, ERROR, {"retry-after": DATE})),
    Fault("429, retry-after-ms", Reply(429, ERROR, {"retry-after-ms": "30000"})),
    Fault("429 of the only endpoint", Reply(429, ERROR, {"retry-after": "300"}), "error", (1, 0), 429, alone=True),
    Fault("500", Reply(500, ERROR)),
    Fault("502 with a page of HTML", Reply(502, "<html>")),
    Fault("503", Reply(503, ERROR)),
    Fault("529", Reply(529, ERROR)),
    Fault("500 of the only endpoint", Reply(500, ERROR), "error", (1, 0), 502, alone=True),
    Fault("redirect", Reply(302, None, {"location": "http://127.0.0.1:1/"})),
    Fault("connection refused", None, calls=(0, 1), where="refused"),
    Fault("certificate that nobody vouches for", Reply(body=CHAT), calls=(0, 1), where="tls"),
    Fault("reset before the answer", Reply(raw=b"", cut_at=0)),
    Fault("no answer in time", Reply(silent=True)),
    Fault("slow first token", Reply(silent=True), "stream", stream=True),
    Fault("not HTTP", Reply(raw=b"SSH-2.0-OpenSSH\r\n\r\n")),
    Fault("endless head", Reply(raw=HEAD + b"x-a: " + b"a" * 200_000)),
    Fault(
        "interim answer first",
        Reply(
            raw=b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
            + HEAD
            + b"content-length: 16\r\n\r\n"
            + b'{"choices": [] }'
        ),
        "own",
        (1, 0),
    ),
    Fault("cut in the middle of a whole answer", Reply(body=CHAT, cut_at=40)),
    Fault("malformed JSON", Reply(raw=HEAD + b'content-length: 9\r\n\r\n{"choices')),
    Fault("compressed though nobody asked", Reply(body=CHAT, headers={"content-encoding": "gzip"})),
    Fault("200 with an error body", Reply(body=ERROR)),
    Fault("empty stop", Reply(body=EMPTY)),
    Fault("401 of one key", Reply(401, ERROR)),
    Fault("403 of one key", Reply(403, ERROR)),
    Fault("400 of the request itself", Reply(400, ERROR), "own", (1, 0), 400),
    Fault("context length 400, no larger model", Reply(400, TOO_LONG), "own", (1, 0), 400),
    Fault("context length 400, a larger model", Reply(400, TOO_LONG), more={"larger": "well"}, alone=True),
    Fault("stream: 503", Reply(503, ERROR), "stream", stream=True),
    Fault("stream: cut before the first byte", Reply(pieces=(), then="cut"), "stream", stream=True),
    Fault("stream: cut after the role", Reply(pieces=(ROLE,), then="cut"), "stream", stream=True),
    Fault("stream: ends after the role", Reply(pieces=(ROLE,)), "stream", stream=True),
    Fault("stream: stalls after the role", Reply(pieces=(ROLE,), then="stall"), "stream", stream=True),
    Fault("stream: error as the first event", Reply(pieces=(event(ERROR),)), "stream", stream=True),
    Fault("stream: malformed events", Reply(pieces=(b"{not events}\n\n",)), "stream", stream=True),
    Fault("stream: event that is not JSON", Reply(pieces=(b"data: {oops\n\n",)), "stream", stream=True),
    Fault("stream: endless line", Reply(pieces=(b"data: ",) + (b"a" * 1_000_000,) * 9), "stream", stream=True),
    Fault("stream: nothing but its end", Reply(pieces=(ROLE, said(finish="stop"), DONE)), "stream", stream=True),
    Fault("stream: cut after content", Reply(pieces=(ROLE, FIRST), then="cut"), "broken", (1, 0), stream=True),
    Fault("stream: ends after content", Reply(pieces=(ROLE, FIRST)), "broken", (1, 0), stream=True),
    Fault("stream: stalls after content", Reply(pieces=(FIRST,), then="stall"), "broken", (1, 0), stream=True),
    Fault("stream: error after content", Reply(pieces=(FIRST, event(ERROR))), "broken", (1, 0), stream=True),
    Fault("stream: cut after finish_reason", Reply(pieces=STREAM[:4], then="cut"), "own stream", (1, 0), stream=True),
    Fault("stream: split UTF-8 and CRLF", Reply(pieces=(*SPLIT, DONE)), "own stream", (1, 0), stream=True),
)


@dataclass(frozen=True)
class Seen:
    """What came of one request."""

    status: int
    body: bytes
    calls: tuple[int, int]
    seconds: float
    headers: dict[str, str]


@dataclass
class Bench:
    """The pool in front of every fault's endpoints."""

    pool: Pool
    firsts: dict[str, Endpoint]
    second: Endpoint

    async def run(self, fault: Fault) -> Seen:
        """Ask once."""
        first = self.firsts[fault.name]
        before = first.calls, self.second.calls
        began = time.perf_counter()
        answer = await self.pool.ask(_model(fault), stream=fault.stream)
        seconds = time.perf_counter() - began
        calls = first.calls - before[0], self.second.calls - before[1]
        return Seen(answer.status_code, answer.content, calls, seconds, dict(answer.headers))


class _Well(Endpoint):
    """Answers as it is asked."""

    def next(self, body: Any) -> Reply:
        return Reply(pieces=STREAM) if body.get("stream") else Reply(body=CHAT)


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[Bench]:
    """Everything started."""
    async with AsyncExitStack() as stack:
        second = await stack.enter_async_context(serving(made=_Well([])))
        firsts: dict[str, Endpoint] = {}
        models: dict[str, Any] = {"well": {"endpoints": [{"name": "second", "url": second.url}]}}
        for fault in FAULTS:
            tls = _self_signed(folder) if fault.where == "tls" else None
            first = await stack.enter_async_context(serving(*([fault.reply] if fault.reply else []), tls=tls))
            firsts[fault.name] = first
            url = "http://127.0.0.1:1/v1" if fault.where == "refused" else first.url
            endpoints = [{"name": "first", "url": url, "timeouts": {**PATIENCE, "total_s": 20.0}}]
            if not fault.alone:
                endpoints.append({"name": "second", "url": second.url, "priority": 1})
            models[_model(fault)] = {"endpoints": endpoints, **fault.more}
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        config = {"models": models, "retry": {"reserve": 1000}}
        yield Bench(await stack.enter_async_context(running(folder / "pool.yaml", port, config)), firsts, second)


def _model(fault: Fault) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in fault.name.lower())


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "self-signed.pem"
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    file.write_bytes(key.private_bytes(pem, form, plain) + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


WORDS = {
    "answer": "the other endpoint's answer",
    "own": "the endpoint's own answer",
    "error": "an error that says what to do",
    "stream": "the other endpoint's stream, nothing of the first",
    "broken": "the content, then one error event",
    "own stream": "the endpoint's own stream, whole",
}


async def _table() -> str:
    lines = [
        "# What callers see when endpoints fail",
        "",
        "Written by `make pool-faults` from a run: a pool in front of a scripted endpoint with the fault and one that",
        "is well (`of the only endpoint`: without the second). A deadline of 0.6 s to the first byte and between two",
        "pieces is part of some times.",
        "",
        "| fault | the caller saw | status | calls: faulty, well | seconds |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        async with bench(Path(folder)) as started:
            for fault in FAULTS:
                seen = await started.run(fault)
                calls = f"{seen.calls[0]}, {seen.calls[1]}"
                seconds = f"{seen.seconds:.2f}"
                lines.append(f"| {fault.name} | {WORDS[fault.sees]} | {seen.status} | {calls} | {seconds} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (TESTS.parent / "docs" / "pool-faults.md").write_text(asyncio.run(_table()), encoding="utf-8")
