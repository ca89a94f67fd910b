"""A trace that was not kept is stored when somebody complains: before it comes, after, twice; for its tenant alone."""

import secrets
from typing import Any

import httpx2 as httpx

from fakes import otlp
from integration.observability.conftest import StartBuffer, away


def answer(name: str = "answer", tenant: str = "default", **more: Any) -> list[Any]:
    return otlp.trace(name, fairlead__tenant=tenant, fairlead__user="ada", steps=2, **more)


def id_of(trace: list[Any]) -> str:
    return trace[0].trace_id.hex()


async def test_a_complaint_after_the_trace(start_buffer: StartBuffer) -> None:
    buffer = await start_buffer()
    wanted, other = answer("wanted"), answer("other")
    assert await otlp.send(buffer.url, wanted, other) == 200
    await buffer.until("held", 6)
    await buffer.complain(id_of(wanted))
    await buffer.store.until(lambda got: len(got.spans) == 3)
    assert buffer.store.traces == {id_of(wanted)}
    assert {otlp.attributes(span)["fairlead.promoted_by"] for span in buffer.store.spans} == {"feedback"}
    root = next(span for span in buffer.store.spans if span.name == "wanted")
    assert (root.span_id, root.end_time_unix_nano) == (wanted[0].span_id, wanted[0].end_time_unix_nano)
    await buffer.until("promoted", 3)
    assert buffer.rows("SELECT trace_id, tenant, user_id, spans FROM trace_buffer") == [
        (id_of(other), "default", "ada", 3)
    ]


async def test_a_complaint_before_the_trace(start_buffer: StartBuffer) -> None:
    buffer = await start_buffer()
    trace = answer()
    await buffer.complain(id_of(trace))
    await otlp.send(buffer.url, answer("other"))
    await otlp.send(buffer.url, trace)
    await buffer.store.until(lambda got: got.traces == {id_of(trace)})


async def test_complaining_twice_stores_it_once(start_buffer: StartBuffer) -> None:
    buffer = await start_buffer()
    trace, later = answer(), answer("later")
    await otlp.send(buffer.url, trace, later)
    await buffer.complain(id_of(trace))
    await buffer.store.until(lambda got: len(got.spans) == 3)
    await buffer.complain(id_of(trace))
    # What is asked for after it comes after it, so the second complaint has been seen by then.
    await buffer.complain(id_of(later))
    await buffer.store.until(lambda got: id_of(later) in got.traces)
    assert len(buffer.store.spans) == 6


async def test_spans_that_come_after_the_complaint_follow(start_buffer: StartBuffer) -> None:
    """Also without their root, which says whose they are."""
    buffer = await start_buffer()
    trace = answer()
    await otlp.send(buffer.url, trace[:2])
    await buffer.complain(id_of(trace))
    await buffer.store.until(lambda got: len(got.spans) == 2)
    late = otlp.trace("late", trace_id=trace[0].trace_id, fairlead__tenant="default", steps=0)
    await otlp.send(buffer.url, late)
    await buffer.store.until(lambda got: len(got.spans) == 3)


async def test_a_child_that_comes_late_belongs_to_its_roots_tenant(start_buffer: StartBuffer) -> None:
    buffer = await start_buffer()
    trace = answer()
    await otlp.send(buffer.url, trace[:1])
    await otlp.send(buffer.url, trace[1:])
    await buffer.complain(id_of(trace))
    await buffer.store.until(lambda got: len(got.spans) == 3)


async def test_praise_and_strangers_promote_nothing(start_buffer: StartBuffer) -> None:
    buffer = await start_buffer()
    trace, last = answer(), answer("last")
    await otlp.send(buffer.url, trace, last)
    await buffer.complain(id_of(trace), value=True)
    await buffer.complain(id_of(trace), tenant="another")
    await buffer.complain(id_of(last))
    await buffer.store.until(lambda got: id_of(last) in got.traces)
    assert buffer.store.traces == {id_of(last)}


async def test_what_the_collector_repeats_is_held_once(start_buffer: StartBuffer) -> None:
    buffer = await start_buffer()
    trace = answer()
    for _ in range(2):
        assert await otlp.send(buffer.url, trace) == 200
    await buffer.until("held", 3)
    await buffer.until("repeated", 3)


async def test_a_collector_that_is_away_is_waited_for(start_buffer: StartBuffer) -> None:
    buffer = await start_buffer()
    trace = answer()
    await otlp.send(buffer.url, trace)
    async with away(buffer.store):
        await buffer.complain(id_of(trace))
        await buffer.store.until(lambda got: got.refused > 0)
        assert buffer.rows("SELECT count(*) FROM trace_buffer") == [(1,)]
    buffer.rows("UPDATE trace_promotions SET due_at = now()")
    await buffer.store.until(lambda got: len(got.spans) == 3)


async def test_what_is_too_much_goes_the_oldest_first(start_buffer: StartBuffer) -> None:
    buffer = await start_buffer(FAIRLEAD_BUFFER_MAX_ROWS="2")
    traces = [answer(f"answer {number}") for number in range(5)]
    for trace in traces:
        await otlp.send(buffer.url, trace)
    await buffer.until("overflowed", 9)
    kept = buffer.rows("SELECT trace_id FROM trace_buffer ORDER BY no")
    assert kept == [(id_of(trace),) for trace in traces[3:]]


async def test_bytes_are_bounded_too(start_buffer: StartBuffer) -> None:
    buffer = await start_buffer(FAIRLEAD_BUFFER_MAX_BYTES=str(1024 * 1024))
    large = [answer(input__value=secrets.token_urlsafe(300_000)) for _ in range(5)]
    for trace in large:
        await otlp.send(buffer.url, trace)
    await buffer.until("overflowed", 6)
    assert buffer.rows("SELECT count(*), sum(octet_length(content)) <= 1048576 FROM trace_buffer") == [(3, True)]


async def test_what_is_a_day_old_goes(start_buffer: StartBuffer) -> None:
    buffer = await start_buffer()
    await otlp.send(buffer.url, answer(), answer("young"))
    await buffer.complain("0" * 32)
    buffer.rows("UPDATE trace_buffer SET received_at = now() - interval '24 hours 1 second' WHERE no = 1")
    buffer.rows("UPDATE trace_promotions SET requested_at = now() - interval '24 hours 1 second'")
    await buffer.until("expired", 3)
    assert buffer.rows("SELECT count(*) FROM trace_buffer") == [(1,)]
    assert buffer.rows("SELECT count(*) FROM trace_promotions") == [(0,)]


async def test_what_belongs_to_no_answer_is_counted_and_forgotten(start_buffer: StartBuffer) -> None:
    buffer = await start_buffer()
    await otlp.send(buffer.url, otlp.trace("chat model-of-a-client"))
    await buffer.until("of_no_tenant", 2)
    assert buffer.rows("SELECT count(*) FROM trace_buffer") == [(0,)]


async def test_what_is_no_batch_is_refused_for_good(start_buffer: StartBuffer) -> None:
    buffer = await start_buffer()
    protobuf = {"content-type": "application/x-protobuf"}
    async with httpx.AsyncClient(base_url=buffer.url, trust_env=False) as client:
        for body, headers, status, said in (
            (b"{}", {"content-type": "application/json"}, 415, "application/x-protobuf"),
            (b"no protobuf", protobuf, 400, "ExportTraceServiceRequest"),
            (b"no gzip", protobuf | {"content-encoding": "gzip"}, 400, "not gzip"),
            (b"", protobuf | {"content-encoding": "br"}, 400, "br is not understood"),
        ):
            response = await client.post("/v1/traces", content=body, headers=headers)
            assert (response.status_code, said in response.text) == (status, True), response.text


async def test_only_the_collector_may_send(start_buffer: StartBuffer, tmp_path: Any) -> None:
    (tmp_path / "key").write_text("of-the-services\n")
    (tmp_path / "keys.json").write_text('{"keys": []}')
    buffer = await start_buffer(
        FAIRLEAD_AUTH="keys",
        FAIRLEAD_KEYS_FILE=str(tmp_path / "keys.json"),
        FAIRLEAD_SERVICE_KEY_FILE=str(tmp_path / "key"),
    )
    async with httpx.AsyncClient(base_url=buffer.url, trust_env=False) as client:
        for key, status in (("none", 401), ("of-a-tenant", 401), ("of-the-services", 200)):
            headers = {"content-type": "application/x-protobuf", "authorization": f"Bearer {key}"}
            assert (await client.post("/v1/traces", content=b"", headers=headers)).status_code == status
