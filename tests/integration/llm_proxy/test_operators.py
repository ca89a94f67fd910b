"""What operators are told: why a call would go where, what became of it, and nothing of its text."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2 as httpx
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from fakes.upstream import CHAT, STREAM, Endpoint, Reply, serving
from integration.llm_proxy.pool_process import Pool, running

PRICE = {"input": 1_000_000.0, "output": 500_000.0}


async def test_explain_says_why_and_sends_nothing(shared_pool: Pool) -> None:
    async with serving(Reply(429, {}, {"retry-after": "100"})) as limited, serving(Reply(body=CHAT)) as well:
        endpoints = [{"name": "a", "url": limited.url}, {"name": "b", "url": well.url, "priority": 1}]
        await shared_pool.use({"models": {"x": {"endpoints": endpoints}}})
        await shared_pool.ask("x")
        calls = limited.calls, well.calls
        answer = (await shared_pool.client.post("/explain", json={"model": "x", "messages": []})).json()
        first, second = answer["candidates"]
        assert (first["endpoint"], first["chosen"], first["reason"]) == ("a", False, "limited by the endpoint")
        assert 90 < first["free_in_s"] <= 100
        assert (second["endpoint"], second["chosen"]) == ("b", True)
        assert (limited.calls, well.calls) == calls


async def test_metrics_count_calls_tokens_and_cost(shared_pool: Pool) -> None:
    async with serving(Reply(503, {}), Reply(body=CHAT)) as one, serving(Reply(body=CHAT)) as two:
        endpoints = [{"name": "a", "url": one.url}, {"name": "b", "url": two.url, "priority": 1}]
        prices = {"currency": "EUR", "models": {"counted": PRICE}}
        await shared_pool.use({"models": {"counted": {"endpoints": endpoints}}, "prices": prices})
        await shared_pool.ask("counted")
        place = 'endpoint="b",model="counted"'
        for line, value in {
            'fairlead_pool_requests_total{model="counted",outcome="ok"}': 1,
            'fairlead_pool_upstream_calls_total{endpoint="a",model="counted",outcome="server_error"}': 1,
            f'fairlead_pool_upstream_calls_total{{{place},outcome="ok"}}': 1,
            'fairlead_pool_tokens_total{endpoint="b",kind="prompt",model="counted"}': 10,
            'fairlead_pool_tokens_total{endpoint="b",kind="completion",model="counted"}': 1,
            'fairlead_pool_cost_total{currency="EUR",endpoint="b",model="counted"}': 10.5,
            'fairlead_pool_added_seconds_count{model="counted"}': 1,
            f"fairlead_pool_breaker_state{{{place}}}": 0,
        }.items():
            assert await shared_pool.metric(line) == value, line


async def test_answers_say_who_served_unless_told_not_to(shared_pool: Pool) -> None:
    async with serving(Reply(body=CHAT)) as endpoint:
        models = {"headers": {"endpoints": [{"name": "a", "url": endpoint.url}]}}
        await shared_pool.use({"models": models})
        shown = (await shared_pool.ask("headers", headers={"x-request-id": "mine"})).headers
        assert (shown["x-fairlead-endpoint"], shown["x-fairlead-attempts"]) == ("a", "1")
        assert float(shown["x-fairlead-proxy-ms"]) >= 0
        assert shown["x-request-id"] == "mine"
        await shared_pool.use({"models": models, "metrics": {"answer_headers": False}})
        hidden = (await shared_pool.ask("headers")).headers
        assert not [name for name in hidden if name.startswith("x-fairlead")]


class Receiver(Endpoint):
    """Takes traces, or refuses them for now, as its replies say."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.spans: list[Any] = getattr(self, "spans", [])
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                sent = ExportTraceServiceRequest.FromString(await reader.readexactly(length))
                self.spans += [s for r in sent.resource_spans for scope in r.scope_spans for s in scope.spans]
                self.called.set()
                status = self.next(None).status
                writer.write(b"HTTP/1.1 %d Scripted\r\ncontent-length: 0\r\n\r\n" % status)
        except (asyncio.IncompleteReadError, OSError):
            writer.close()


async def test_decisions_are_events_of_the_requests_span(
    tmp_path: Path, free_tcp_port_factory: Callable[[], int]
) -> None:
    receiver = Receiver([Reply()])
    async with serving(made=receiver), serving(Reply(503, {})) as one, serving(Reply(pieces=STREAM)) as two:
        environment = {"FAIRLEAD_OTLP_ENDPOINT": receiver.url}
        endpoints = [{"name": "a", "url": one.url}, {"name": "b", "url": two.url, "priority": 1}]
        config = {"models": {"m": {"endpoints": endpoints}}}
        async with running(tmp_path / "pool.yaml", free_tcp_port_factory(), config, environment) as pool:
            trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
            secret = [{"role": "user", "content": "secret"}]
            assert (await pool.ask("m", stream=True, messages=secret, headers=trace)).status_code == 200
            async with asyncio.timeout(20):
                await receiver.called.wait()
    (span,) = receiver.spans
    assert (span.name, span.parent_span_id) == ("chat m", b"")
    assert span.links[0].span_id.hex() == "b7ad6b7169203331"
    assert [event.name for event in span.events] == [
        "endpoint chosen",
        "endpoint failed",
        "endpoint chosen",
        "first content",
    ]
    assert two.seen[0][0]["traceparent"].split("-")[1] == span.trace_id.hex()
    assert "secret" not in str(span)


async def test_spans_wait_for_a_receiver_that_is_away_and_are_counted(
    tmp_path: Path, free_tcp_port_factory: Callable[[], int]
) -> None:
    receiver = Receiver([Reply(503), Reply()])
    async with serving(made=receiver), serving(Reply(body=CHAT)) as endpoint:
        config = {"models": {"m": {"endpoints": [{"name": "a", "url": endpoint.url}]}}}
        environment = {"FAIRLEAD_OTLP_ENDPOINT": receiver.url}
        async with running(tmp_path / "pool.yaml", free_tcp_port_factory(), config, environment) as pool:
            assert (await pool.ask("m")).status_code == 200
            exported = 'fairlead_spans_total{result="exported",service="llm-proxy"}'
            async with asyncio.timeout(20):
                while not await pool.metric(exported):
                    await asyncio.sleep(0.05)
            assert await pool.metric(exported.replace("exported", "ended")) == 1
            assert await pool.metric(exported.replace("exported", "failed")) == 0
    refused, taken = receiver.spans
    assert refused == taken


async def test_workers_share_the_port_and_answer_for_one_another(
    tmp_path: Path, free_tcp_port_factory: Callable[[], int]
) -> None:
    async with serving(Reply(body=CHAT)) as endpoint:
        config = {"models": {"m": {"endpoints": [{"name": "a", "url": endpoint.url}]}}}
        environment = {"FAIRLEAD_WORKERS": "2"}
        async with running(tmp_path / "pool.yaml", free_tcp_port_factory(), config, environment) as pool:
            asked = 12
            for _ in range(asked):
                # A connection each, so that the kernel deals them out.
                async with httpx.AsyncClient(base_url=pool.client.base_url) as client:
                    assert (await client.post("/v1/chat/completions", json={"model": "m"})).status_code == 200
            assert await pool.metric('fairlead_pool_requests_total{model="m",outcome="ok"}') == asked


def test_logs_hold_no_text(tmp_path: Path, free_tcp_port: int) -> None:
    file = tmp_path / "pool.yaml"
    file.write_text(yaml.safe_dump({"models": {"m": {"endpoints": [{"name": "a", "url": "http://127.0.0.1:1/v1"}]}}}))
    command = [sys.executable, "-m", "llm_proxy", "--config", str(file), "--port", str(free_tcp_port)]
    environment = os.environ | {"FAIRLEAD_LOG_LEVEL": "DEBUG"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{free_tcp_port}", timeout=20) as client:
            body = {"model": "m", "messages": [{"role": "user", "content": "secret"}]}
            for _ in range(400):
                try:
                    assert client.post("/v1/chat/completions", json=body).status_code == 502
                    break
                except httpx.TransportError:
                    import time

                    time.sleep(0.05)
    finally:
        process.terminate()
        out, _ = process.communicate(timeout=30)
    lines = [json.loads(line) for line in out.splitlines()]
    assert "endpoint_failed" in [line["event"] for line in lines]
    assert "secret" not in out
