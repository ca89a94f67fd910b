"""What a caller may not do, refused before it costs anything, in the API's shape."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from common import key_file
from fakes.upstream import CHAT, Endpoint, Reply, serving
from integration.llm_proxy.pool_process import Pool, running

LIMIT = 64 * 1024
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
BODY = b'{"model": "m"}'


@pytest.fixture(scope="module")
async def endpoint() -> AsyncIterator[Endpoint]:
    async with serving(Reply(body=CHAT)) as served:
        yield served


@pytest.fixture(scope="module")
async def pool(
    endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory, free_tcp_port_factory: Callable[[], int]
) -> AsyncIterator[Pool]:
    config = {"models": {"m": {"endpoints": [{"name": "a", "url": endpoint.url}]}}}
    environment = {"FAIRLEAD_MAX_BODY_BYTES": str(LIMIT), "FAIRLEAD_REQUEST_HEAD_S": "0.3"}
    file = tmp_path_factory.mktemp("bad") / "pool.yaml"
    async with running(file, free_tcp_port_factory(), config, environment) as started:
        yield started


async def spoken(pool: Pool, sent: bytes, *, end: bool = False) -> tuple[int, dict[str, object], bytes]:
    """Send bytes, read to the end of the connection: status, error, everything."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pool.port)
    try:
        writer.write(sent)
        if end:
            writer.write_eof()
        async with asyncio.timeout(20):
            answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)["error"], answer


@pytest.mark.parametrize(
    "head",
    [
        b"content-length: 14\r\ntransfer-encoding: chunked\r\n",
        b"transfer-encoding: chunked\r\ncontent-length: 14\r\n",
        b"content-length: 14\r\ncontent-length: 15\r\n",
        b"content-length: 14\r\ncontent-length: 14\r\n",
        b"content-length: -1\r\n",
        b"content-length: 1e1\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"x-a: 1\rx-b: 2\r\n",
        b"x-a: 1\nx-b: 2\r\n",
        b"x-a : 1\r\n",
        b" x-a: 1\r\n",
        b"x-a: \x00\r\n",
    ],
)
async def test_two_readings_of_one_request_are_refused(pool: Pool, endpoint: Endpoint, head: bytes) -> None:
    before = endpoint.calls
    status, error, _ = await spoken(pool, POST + head + b"\r\n" + BODY)
    assert (status, error["code"], endpoint.calls) == (400, "invalid_http", before)


@pytest.mark.parametrize("pieces", [1, 40])
async def test_a_long_head_is_refused(pool: Pool, pieces: int) -> None:
    long = (
        b"x-a: " + b"a" * 40_000 + b"\r\n"
        if pieces == 1
        else b"".join(b"x-%d: %s\r\n" % (n, b"a" * 1000) for n in range(pieces))
    )
    status, error, _ = await spoken(pool, POST + long + b"content-length: 14\r\n\r\n" + BODY)
    assert (status, error["code"]) == (431, "headers_too_large")


async def test_an_endless_head_is_refused(pool: Pool) -> None:
    status, error, _ = await spoken(pool, POST + b"x-a: " + b"a" * 100_000)
    assert (status, error["code"]) == (431, "headers_too_large")


async def test_a_large_body_is_refused_before_it_is_read(pool: Pool) -> None:
    status, error, _ = await spoken(pool, POST + b"content-length: 999999999\r\n\r\n")
    assert (status, error["code"]) == (413, "request_too_large")


async def test_a_body_that_grows_over_the_limit_is_refused(pool: Pool) -> None:
    chunks = b"".join(b"4000\r\n" + b" " * 0x4000 + b"\r\n" for _ in range(8))
    status, error, _ = await spoken(pool, POST + b"transfer-encoding: chunked\r\n\r\n" + chunks)
    assert (status, error["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("sent", [b"POST /v1/chat", POST + b"x-a", POST + b"content-length: 14\r\n\r\n{"])
async def test_a_caller_who_dawdles_is_not_waited_for(pool: Pool, sent: bytes) -> None:
    status, error, _ = await spoken(pool, sent)
    assert (status, error["code"]) == (408, "request_timeout")


async def test_a_chunked_body_and_a_pipelined_request_are_served(pool: Pool, endpoint: Endpoint) -> None:
    before = endpoint.calls
    first = POST + b"transfer-encoding: chunked\r\n\r\n5\r\n" + BODY[:5] + b"\r\n9\r\n" + BODY[5:] + b"\r\n0\r\n\r\n"
    second = POST + b"connection: close\r\ncontent-length: 14\r\n\r\n" + BODY
    _, _, answer = await _spoken_twice(pool, first + second)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert endpoint.calls == before + 2


async def _spoken_twice(pool: Pool, sent: bytes) -> tuple[int, None, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", pool.port)
    writer.write(sent)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return 200, None, answer


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v1/images/generations", 404, "unknown_url"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/v1/models/other", 404, "not_found"),
        ("GET", "/", 404, "unknown_url"),
        ("GET", "/explain", 405, "method_not_allowed"),
    ],
)
async def test_unknown_paths_are_refused_in_the_apis_shape(
    pool: Pool, method: str, path: str, status: int, code: str
) -> None:
    answer = await pool.client.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["x-request-id"]


async def test_a_deadline_that_is_no_number_is_refused_by_name(pool: Pool) -> None:
    answer = await pool.ask("m", headers={"x-request-deadline-ms": "soon"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "x-request-deadline-ms")


async def test_a_key_sees_only_its_own_models(
    endpoint: Endpoint, tmp_path: Path, free_tcp_port_factory: Callable[[], int]
) -> None:
    keys = tmp_path / "keys.json"
    key, stored = key_file.create(keys)
    served = {"endpoints": [{"name": "a", "url": endpoint.url}]}
    config = {"models": {"m": served, "secret": served}, "callers": {"keys": {stored.id: {"models": ["m"]}}}}
    environment = {"FAIRLEAD_AUTH": "keys", "FAIRLEAD_KEYS_FILE": str(keys)}
    async with running(tmp_path / "pool.yaml", free_tcp_port_factory(), config, environment) as pool:
        bearer = {"authorization": f"Bearer {key}"}
        assert (await pool.ask("m", headers=bearer)).status_code == 200
        refused = await pool.ask("secret", headers=bearer)
        listed = (await pool.client.get("/v1/models", headers=bearer)).json()
        shown = await pool.client.get("/v1/models/secret", headers=bearer)
        wrong = await pool.ask("m", headers={"authorization": "Bearer fl-wrong"})
        none = await pool.client.post("/explain", json={"model": "m"})
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        404,
        "The model 'secret' does not exist. There are: m",
    )
    assert [model["id"] for model in listed["data"]] == ["m"]
    assert (shown.status_code, wrong.status_code, none.status_code) == (404, 401, 401)
    assert wrong.json() == none.json()


async def test_a_caller_who_takes_nothing_does_not_hold_the_endpoint(pool: Pool) -> None:
    piece = b"data: " + json.dumps({"choices": [{"delta": {"content": "x" * 100_000}}]}).encode() + b"\n\n"
    async with serving(Reply(pieces=[piece] * 500)) as endless:
        served = [{"name": "a", "url": endless.url}]
        await pool.use({"models": {"m": {"endpoints": served}}})
        body = b'{"model": "m", "stream": true}'
        _, writer = await asyncio.open_connection("127.0.0.1", pool.port, limit=1024)
        writer.write(POST + b"content-length: %d\r\n\r\n" % len(body) + body)
        async with asyncio.timeout(20):
            await endless.called.wait()
            while endless.open:
                await asyncio.sleep(0.05)
            while not await pool.metric('fairlead_pool_requests_total{model="m",outcome="client_gone"}'):
                await asyncio.sleep(0.05)
        writer.close()
