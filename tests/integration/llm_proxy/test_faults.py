"""Every fault of an endpoint: what the caller sees, and how many calls it took."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from fakes.upstream import CHAT, DONE, STREAM, Reply, serving
from integration.llm_proxy.faults import FAULTS, PATIENCE, Bench, Fault, Seen, bench
from integration.llm_proxy.pool_process import CHAT as PATH


@pytest.fixture(scope="module")
async def faulty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with bench(tmp_path_factory.mktemp("faults")) as started:
        yield started


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_fault(faulty: Bench, fault: Fault) -> None:
    seen = await faulty.run(fault)
    assert (seen.status, seen.calls) == (fault.status, fault.calls)
    _CHECKS[fault.sees](fault, seen)


def _answer(_: Fault, seen: Seen) -> None:
    assert json.loads(seen.body) == CHAT
    assert seen.headers["x-fairlead-endpoint"] == "second"


def _own(fault: Fault, seen: Seen) -> None:
    assert fault.reply is not None
    if fault.reply.raw is None:
        assert json.loads(seen.body) == fault.reply.body
    assert seen.headers["x-fairlead-endpoint"] == "first"


def _error(_: Fault, seen: Seen) -> None:
    error = json.loads(seen.body)["error"]
    assert error["code"] == ("rate_limit_exceeded" if seen.status == 429 else "upstream_failed")
    assert "own words" not in error["message"]
    if seen.status == 429:
        assert 290 < int(seen.headers["retry-after"]) <= 300


def _stream(_: Fault, seen: Seen) -> None:
    assert seen.body == b"".join(STREAM)
    assert seen.headers["x-fairlead-endpoint"] == "second"


def _own_stream(fault: Fault, seen: Seen) -> None:
    assert fault.reply is not None and fault.reply.pieces is not None
    sent = b"".join(fault.reply.pieces)
    assert seen.body.startswith(sent)
    assert seen.body.count(DONE.strip()) == 1
    assert b'"error"' not in seen.body


def _broken(fault: Fault, seen: Seen) -> None:
    assert fault.reply is not None and fault.reply.pieces is not None
    assert seen.body.startswith(fault.reply.pieces[0])
    assert seen.body.count(b'"error"') == 1
    assert b"[DONE]" not in seen.body
    last = seen.body.decode().strip().rpartition("data: ")[2]
    assert "error" in json.loads(last)


_CHECKS = {
    "answer": _answer,
    "own": _own,
    "error": _error,
    "stream": _stream,
    "own stream": _own_stream,
    "broken": _broken,
}


async def test_a_refused_key_is_out_until_it_changes(faulty: Bench) -> None:
    fault = next(fault for fault in FAULTS if fault.name == "401 of one key")
    await faulty.run(fault)
    assert (await faulty.run(fault)).calls == (0, 1)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_caller_who_leaves_before_the_answer_ends_the_call(faulty: Bench, stream: bool) -> None:
    first = faulty.firsts["no answer in time" if not stream else "slow first token"]
    first.called.clear()
    first.left.clear()
    await faulty.pool.use({"models": {"gone": {"endpoints": [{"name": "first", "url": first.url}]}}})
    task = asyncio.create_task(faulty.pool.ask("gone", stream=stream))
    async with asyncio.timeout(20):
        await first.called.wait()
        task.cancel()
        await first.left.wait()
        while not await faulty.pool.metric('fairlead_pool_requests_total{model="gone",outcome="client_gone"}'):
            await asyncio.sleep(0.02)


async def test_a_caller_who_leaves_during_the_answer_ends_the_call(faulty: Bench) -> None:
    async with serving(Reply(pieces=STREAM[:2], then="stall")) as endpoint:
        await faulty.pool.use({"models": {"during": {"endpoints": [{"name": "first", "url": endpoint.url}]}}})
        body = {"model": "during", "stream": True}
        async with faulty.pool.client.stream("POST", PATH, json=body) as response:
            await anext(response.aiter_raw())
        async with asyncio.timeout(20):
            await endpoint.left.wait()


async def test_a_connection_that_the_endpoint_has_closed_is_replaced_unseen(faulty: Bench) -> None:
    async with serving(Reply(body=CHAT), Reply(raw=b"", cut_at=0), Reply(body=CHAT)) as endpoint:
        model = {"endpoints": [{"name": "first", "url": endpoint.url, "timeouts": PATIENCE}]}
        await faulty.pool.use({"models": {"stale": model}})
        assert (await faulty.pool.ask("stale")).status_code == 200
        again = await faulty.pool.ask("stale")
        assert (again.status_code, again.headers["x-fairlead-attempts"], endpoint.calls) == (200, "1", 3)


async def test_a_storm_of_429_is_not_answered_by_a_storm_of_calls(faulty: Bench) -> None:
    async with serving(Reply(429, {}, {"retry-after": "60"})) as one, serving(Reply(429, {})) as two:
        listed = [{"name": f"e{number}", "url": e.url} for number, e in enumerate((one, two))]
        await faulty.pool.use({"models": {"storm": {"endpoints": listed}}, "queue": {"longest_wait_s": 0.2}})
        asked = 60
        answers = await asyncio.gather(*(faulty.pool.ask("storm") for _ in range(asked)))
        assert {answer.status_code for answer in answers} == {429}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        assert one.calls + two.calls <= 1.2 * asked
