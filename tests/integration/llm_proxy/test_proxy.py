"""The pool as a process of its own, in front of endpoints that answer, refuse, stall and break."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import yaml

from common import key_file
from fakes.upstream import Endpoint, Reply, serving

CHAT = "/v1/chat/completions"
OK = Reply(body={"answer": "yes"})
LIMITED = Reply(429, {"error": {"message": "slow down"}}, {"retry-after": "30"})
DOWN = Reply(503, {"error": {"message": "down"}})
EVENT = b'data: {"choices": [{"delta": {"content": "yes"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


@dataclass
class Pool:
    """A running pool and the file that configures it."""

    client: httpx.AsyncClient
    file: Path
    model: str = ""
    """Each test has a model of its own: what the pool learned of an endpoint outlives an edit of the file."""

    def configure(self, models: dict[str, Any]) -> None:
        self.file.write_text(yaml.safe_dump({"models": models}))

    async def use(self, *endpoints: Endpoint, **settings: Any) -> None:
        """Serve the model from the endpoints, tried in this order, and wait until that is in force."""
        listed = [{"name": f"e{n}", "url": e.url, "priority": n} for n, e in enumerate(endpoints)]
        self.configure({self.model: {"endpoints": listed, **settings}})
        async with asyncio.timeout(20):
            while True:
                shown = (await self.client.get("/v1/config")).json()["effective"]["models"].get(self.model, {})
                if [e["url"] for e in shown.get("endpoints", [])] == [e.url for e in endpoints]:
                    return
                await asyncio.sleep(0.02)

    async def ask(self, path: str = CHAT, **more: Any) -> httpx.Response:
        headers = more.pop("headers", {})
        return await self.client.post(path, json={"model": self.model, **more}, headers=headers)


@pytest.fixture(scope="module")
async def process(
    tmp_path_factory: pytest.TempPathFactory, free_tcp_port_factory: Callable[[], int]
) -> AsyncIterator[Pool]:
    free_tcp_port = free_tcp_port_factory()
    file = tmp_path_factory.mktemp("pool") / "pool.yaml"
    file.write_text(
        yaml.safe_dump({"models": {"none": {"endpoints": [{"name": "x", "url": "http://127.0.0.1:1/v1"}]}}})
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "llm_proxy", "--config", str(file), "--port", str(free_tcp_port)],
        env=os.environ | {"UPSTREAM_KEY": "sk-upstream"},
        stdout=subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_tcp_port}", timeout=30) as client:
            await ready(client)
            yield Pool(client, file)
    finally:
        process.terminate()
        process.wait(timeout=30)


async def test_a_stand_in_is_named_only_while_it_stands_in_for_another(pool: Pool) -> None:
    async with serving(DOWN) as down, serving(OK) as makeshift:
        listed = [{"name": "own", "url": down.url}, {"name": "makeshift", "url": makeshift.url, "stand_in": True}]
        await pool.use(makeshift, endpoints=listed[1:])
        assert "x-fairlead-stand-in" not in (await pool.ask()).headers
        await pool.use(down, makeshift, endpoints=[listed[0], {**listed[1], "priority": 1}])
        assert (await pool.ask()).headers["x-fairlead-stand-in"] == "true"


@pytest.fixture
def pool(process: Pool, request: pytest.FixtureRequest) -> Pool:
    process.model = f"model-{abs(hash(request.node.name))}"
    return process


async def ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await client.get("/readyz")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_call_passes_through_and_the_callers_key_stays_here(pool: Pool) -> None:
    async with serving(OK) as endpoint:
        await pool.use(endpoint)
        headers = {"authorization": "Bearer fl-caller", "x-request-id": "r1", "x-request-deadline-ms": "9000"}
        answer = await pool.ask(messages=[{"role": "user", "content": "hi"}], extra={"kept": True}, headers=headers)
    assert answer.json() == {"answer": "yes"}
    assert answer.headers["x-fairlead-endpoint"] == "e0"
    sent, body = endpoint.seen[0]
    assert body == {"model": pool.model, "messages": [{"role": "user", "content": "hi"}], "extra": {"kept": True}}
    assert "authorization" not in sent
    assert sent["x-request-id"] == "r1"
    assert 0 < int(sent["x-request-deadline-ms"]) <= 9000


async def test_an_endpoint_gets_its_own_key_and_name_of_the_model(pool: Pool) -> None:
    async with serving(OK) as endpoint:
        await pool.use(endpoint)
        pool.configure(
            {
                pool.model: {
                    "endpoints": [{"name": "a", "url": endpoint.url, "key": {"env": "UPSTREAM_KEY"}, "model": "big"}]
                }
            }
        )
        async with asyncio.timeout(20):
            while "authorization" not in (endpoint.seen[-1][0] if endpoint.seen else {}):
                await pool.ask()
    assert endpoint.seen[-1][0]["authorization"] == "Bearer sk-upstream"
    assert endpoint.seen[-1][1]["model"] == "big"


@pytest.mark.parametrize("first", [LIMITED, DOWN, Reply(401, {}), Reply(500, None)])
async def test_another_endpoint_answers_and_the_caller_feels_nothing(pool: Pool, first: Reply) -> None:
    async with serving(first) as bad, serving(OK) as good:
        await pool.use(bad, good)
        answer = await pool.ask()
        assert answer.status_code == 200
        assert (bad.calls, good.calls) == (1, 1)


async def test_an_endpoint_that_is_away_is_passed_over(pool: Pool) -> None:
    async with serving(OK) as good:
        await pool.use(Endpoint([], "http://127.0.0.1:1/v1"), good)
        assert (await pool.ask()).status_code == 200


async def test_a_refusal_of_the_request_itself_is_not_tried_again(pool: Pool) -> None:
    async with serving(Reply(400, {"error": {"message": "bad field"}})) as first, serving(OK) as second:
        await pool.use(first, second)
        answer = await pool.ask()
        assert (answer.status_code, answer.json()["error"]["message"]) == (400, "bad field")
        assert (first.calls, second.calls) == (1, 0)


async def test_a_limited_endpoint_is_left_alone_for_as_long_as_it_asks(pool: Pool) -> None:
    async with serving(LIMITED) as limited, serving(OK) as good:
        await pool.use(limited, good)
        for _ in range(5):
            assert (await pool.ask()).status_code == 200
        assert limited.calls == 1


async def test_when_all_are_limited_the_caller_learns_until_when(pool: Pool) -> None:
    async with serving(LIMITED) as limited:
        await pool.use(limited)
        answer = await pool.ask(headers={"x-request-deadline-ms": "2000"})
    assert answer.status_code == 429
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert 20 < int(answer.headers["retry-after"]) <= 30


async def test_a_limit_that_ends_within_the_deadline_is_waited_for(pool: Pool) -> None:
    async with serving(Reply(429, {}, {"retry-after-ms": "200"}), OK) as endpoint:
        await pool.use(endpoint)
        assert (await pool.ask(headers={"x-request-deadline-ms": "20000"})).status_code == 200
        assert endpoint.calls == 2


async def test_when_nobody_answers_the_error_is_one_and_says_so(pool: Pool) -> None:
    async with serving(DOWN) as first, serving(DOWN) as second:
        await pool.use(first, second)
        answer = await pool.ask()
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_failed"
    assert (first.calls, second.calls) == (1, 1)


async def test_a_whole_stream_arrives_unchanged(pool: Pool) -> None:
    pieces = [EVENT[:7], EVENT[7:] + EVENT, DONE]
    async with serving(Reply(pieces=pieces)) as endpoint:
        await pool.use(endpoint)
        answer = await pool.ask(stream=True)
    assert answer.content == b"".join(pieces)
    assert answer.headers["content-type"] == "text/event-stream"


@pytest.mark.parametrize("then", ["end", "cut", "stall"])
async def test_a_broken_stream_ends_in_one_error_and_is_never_begun_again(pool: Pool, then: str) -> None:
    timeouts = {"inter_chunk_s": 0.3}
    async with serving(Reply(pieces=[EVENT], then=then)) as broken, serving(OK) as other:
        await pool.use(broken, other, timeouts=timeouts)
        answer = await pool.ask(stream=True)
        assert (broken.calls, other.calls) == (1, 0)
    text = answer.text
    assert text.startswith(EVENT.decode())
    assert text.count('"error"') == 1
    assert "[DONE]" not in text


async def test_a_stream_that_breaks_before_its_first_byte_comes_from_elsewhere(pool: Pool) -> None:
    async with serving(Reply(pieces=[], then="cut")) as broken, serving(Reply(pieces=[EVENT, DONE])) as good:
        await pool.use(broken, good)
        answer = await pool.ask(stream=True)
    assert answer.content == EVENT + DONE


async def test_a_caller_who_leaves_cancels_the_call(pool: Pool) -> None:
    async with serving(Reply(pieces=[EVENT], then="stall")) as endpoint:
        await pool.use(endpoint)
        async with pool.client.stream("POST", CHAT, json={"model": pool.model, "stream": True}) as response:
            await anext(response.aiter_raw())
        async with asyncio.timeout(20):
            await endpoint.left.wait()


@pytest.mark.parametrize(
    ("body", "status", "param", "words"),
    [
        (b"{", 400, None, "not valid JSON"),
        (b'{"a": ' * 100_000, 400, None, "not valid JSON"),
        (b'{"model": 3}', 400, "model", "Expected `str`"),
        (b"{}", 400, "model", "missing required field"),
        (b'{"model": "other"}', 404, "model", "There are: "),
    ],
)
async def test_bad_requests_are_refused_by_field(
    pool: Pool, body: bytes, status: int, param: str | None, words: str
) -> None:
    answer = await pool.client.post(CHAT, content=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (status, param)
    assert words in error["message"]


async def test_an_edit_in_error_is_refused_and_the_pool_serves_on(pool: Pool) -> None:
    async with serving(OK) as endpoint:
        await pool.use(endpoint)
        pool.configure({pool.model: {"endpoints": []}})
        async with asyncio.timeout(20):
            while (error := (await pool.client.get("/v1/config")).json()["last_error"]) is None:
                await asyncio.sleep(0.02)
        assert error["key"] == f"models.{pool.model}.endpoints"
        assert (await pool.ask()).status_code == 200


def test_check_names_key_and_line(tmp_path: Path) -> None:
    file = tmp_path / "pool.yaml"
    file.write_text("models:\n  m:\n    endpoints:\n    - name: a\n      url: ftp://a/v1\n")
    command = [sys.executable, "-m", "llm_proxy", "check", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "line 5, models.m.endpoints[0].url: URL scheme should be 'http' or 'https'" in done.stderr


async def test_with_keys_nobody_else_comes_in(tmp_path: Path, free_tcp_port: int) -> None:
    key, _ = key_file.create(tmp_path / "keys.json")
    async with serving(OK) as endpoint:
        file = tmp_path / "pool.yaml"
        file.write_text(yaml.safe_dump({"models": {"m": {"endpoints": [{"name": "a", "url": endpoint.url}]}}}))
        process = subprocess.Popen(
            [sys.executable, "-m", "llm_proxy", "--config", str(file), "--port", str(free_tcp_port)],
            env=os.environ | {"FAIRLEAD_AUTH": "keys", "FAIRLEAD_KEYS_FILE": str(tmp_path / "keys.json")},
            stdout=subprocess.DEVNULL,
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_tcp_port}", timeout=30) as client:
                await ready(client)
                refused = await client.post(CHAT, json={"model": "m"})
                listed = await client.get("/v1/models")
                served = await client.post(CHAT, json={"model": "m"}, headers={"authorization": f"Bearer {key}"})
        finally:
            process.terminate()
            process.wait(timeout=30)
    assert (refused.status_code, listed.status_code, served.status_code) == (401, 401, 200)
    assert refused.json()["error"]["code"] == "invalid_api_key"
