"""What callers of the pool get when it answers, refuses, stalls, cuts or lies."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import numpy as np
import pytest
from aiohttp import web

from common.deadline import Deadline
from common.pool_client import PoolClient, PoolRejected, PoolUnavailable

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Connect = Callable[[Answer], Awaitable[PoolClient]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """A client of a server that answers every POST with the given function."""
    async with asyncio.timeout(60):
        cleanups: list[Callable[[], Awaitable[object]]] = []

        async def start(answer: Answer) -> PoolClient:
            app = web.Application()
            app.router.add_post("/v1/{path:.*}", answer)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            cleanups.append(runner.cleanup)
            client = PoolClient(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", key=lambda: "fl-service")
            await client.__aenter__()
            cleanups.append(client.__aexit__)
            return client

        yield start
        for cleanup in reversed(cleanups):
            await cleanup()


def soon() -> Deadline:
    return Deadline.after(20)


async def test_embeddings_come_in_the_order_of_the_texts(connect: Connect) -> None:
    async def answer(request: web.Request) -> web.Response:
        texts = (await request.json())["input"]
        rows = [
            {"index": place, "embedding": base64.b64encode(np.full(3, len(text), "<f4").tobytes()).decode()}
            for place, text in enumerate(texts)
        ]
        return web.json_response({"data": rows[::-1]})

    client = await connect(answer)
    vectors = await client.embed("m", ["a", "bbb", "cc"], deadline=soon())
    assert vectors.tolist() == [[1, 1, 1], [3, 3, 3], [2, 2, 2]]


async def test_the_hop_carries_key_deadline_and_lane(connect: Connect) -> None:
    seen: dict[str, str] = {}

    async def answer(request: web.Request) -> web.Response:
        seen.update(request.headers)
        return web.json_response({})

    client = await connect(answer)
    await client.post("/rerank", {}, deadline=Deadline.after(9), lane="batch")
    assert seen["Authorization"] == "Bearer fl-service"
    assert 0 < int(seen["x-request-deadline-ms"]) <= 9000
    assert seen["x-fairlead-lane"] == "batch"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"data": [{"index": 0, "embedding": [1.0]}]}, "asked for 2"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]}, "differ"),
        ({"rows": []}, "unexpected shape"),
        ([], "not a JSON object"),
    ],
)
async def test_an_answer_of_the_wrong_shape_is_no_answer(connect: Connect, data: object, words: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(data)

    client = await connect(answer)
    with pytest.raises(PoolUnavailable, match=words):
        await client.embed("m", ["a", "b"], deadline=soon())


@pytest.mark.parametrize(
    ("status", "kind"), [(400, PoolRejected), (404, PoolRejected), (429, PoolUnavailable), (503, PoolUnavailable)]
)
async def test_a_refusal_says_whether_trying_again_can_help(
    connect: Connect, status: int, kind: type[Exception]
) -> None:
    async def answer(_: web.Request) -> web.Response:
        error = {"error": {"message": "the reason", "type": "t", "param": None, "code": None}}
        return web.json_response(error, status=status, headers={"retry-after": "7"})

    client = await connect(answer)
    with pytest.raises(kind, match="the reason") as raised:
        await client.chat({"model": "m"}, deadline=soon())
    if isinstance(raised.value, PoolUnavailable):
        assert raised.value.retry_after_s == 7


async def test_a_server_that_stalls_ends_at_the_deadline(connect: Connect) -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client = await connect(answer)
    with pytest.raises(PoolUnavailable, match="deadline"):
        await client.chat({"model": "m"}, deadline=Deadline.after(0.05))


async def test_a_server_that_is_away_is_unavailable() -> None:
    async with PoolClient("http://127.0.0.1:1/v1") as client:
        with pytest.raises(PoolUnavailable, match="connection failed"):
            await client.chat({"model": "m"}, deadline=soon())


def event(text: str) -> bytes:
    return f"data: {json.dumps({'choices': [{'delta': {'content': text}}]})}\n\n".encode()


def streaming(*pieces: bytes) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        return response

    return answer


async def collect(client: PoolClient, deadline: Deadline) -> list[str]:
    return [c["choices"][0]["delta"]["content"] async for c in client.chat_stream({"model": "m"}, deadline=deadline)]


async def test_a_stream_survives_being_cut_anywhere(connect: Connect) -> None:
    whole = event("één") + event("zwei") + b": comment\n\ndata: [DONE]\n\n"
    client = await connect(streaming(*(whole[place : place + 1] for place in range(len(whole)))))
    assert await collect(client, soon()) == ["één", "zwei"]


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (b"", "before it was complete"),
        (b'data: {"error": {"message": "model crashed"}}\n\n', "model crashed"),
        (b"data: {broken\n\n", "not JSON"),
        (b"data: " + b"x" * 5_000_000, "endless line"),
    ],
)
async def test_a_stream_that_breaks_never_looks_complete(connect: Connect, tail: bytes, words: str) -> None:
    client = await connect(streaming(event("begun"), tail))
    got: list[str] = []
    with pytest.raises(PoolUnavailable, match=words):
        async for chunk in client.chat_stream({"model": "m"}, deadline=soon()):
            got.append(chunk["choices"][0]["delta"]["content"])
    assert got == ["begun"]


async def test_leaving_a_stream_closes_the_connection(connect: Connect) -> None:
    left = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(event("more"))
                await asyncio.sleep(0.001)
        except ConnectionError:
            left.set()
            raise

    client = await connect(answer)
    stream = client.chat_stream({"model": "m"}, deadline=soon())
    await anext(stream)
    await stream.aclose()
    async with asyncio.timeout(20):
        await left.wait()
