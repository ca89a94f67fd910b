"""The watcher of streams judges a stream the same however its bytes are cut."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.upstream import DONE, STREAM, event, said
from llm_proxy import sse
from llm_proxy.sse import EndlessLine, EventStream

USAGE = event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}})
CREATED = event({"type": "response.created", "response": {}})
COMPLETED = event({"type": "response.completed", "response": {"usage": {"input_tokens": 5, "output_tokens": 2}}})
FAILED = event({"type": "response.failed", "response": {"error": {"code": "server_error"}}})
ERROR = event({"error": {"message": "no", "code": "overloaded"}})
EVENTS = (
    *STREAM,
    USAGE,
    CREATED,
    COMPLETED,
    FAILED,
    ERROR,
    said("Grüße 😀"),
    b": ping\n\n",
    b"event: x\n",
    b"data: {\n\n",
)


def judged(pieces: list[bytes]) -> tuple[object, ...]:
    stream = EventStream()
    for piece in pieces:
        stream.feed(piece)
    return (stream.ending(), stream.usage(), stream.begun, stream.failed, stream.malformed, stream.ended, stream.events)


@given(
    st.lists(st.sampled_from(EVENTS), max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    st.lists(st.integers(0, 2000), max_size=12),
)
def test_any_cut_of_the_bytes_gives_the_same_judgement(events: list[bytes], line_end: bytes, cuts: list[int]) -> None:
    whole = b"".join(events).replace(b"\n", line_end)
    places = sorted({min(cut, len(whole)) for cut in cuts} | {0, len(whole)})
    pieces = [whole[start:end] for start, end in pairwise(places)]
    assert judged(pieces) == judged([whole])
    assert judged([bytes([byte]) for byte in whole]) == judged([whole])


@pytest.mark.parametrize(
    ("events", "ending"),
    [
        (STREAM, "whole"),
        (STREAM[:4], "reason"),
        (STREAM[:3], "cut"),
        ((), "cut"),
        ((*STREAM[:4], USAGE), "reason"),
        ((*STREAM[:4], USAGE, DONE.strip()), "whole"),
        ((*STREAM[:2], ERROR), "error"),
        ((*STREAM[:2], ERROR, DONE), "error"),
        ((CREATED, COMPLETED), "whole"),
        ((CREATED, FAILED), "error"),
        ((STREAM[1], b'data: {"choices"'), "cut"),
        ((said("[DONE]"), said('data: {"error": 1}')), "cut"),
    ],
)
def test_how_a_stream_ended(events: tuple[bytes, ...], ending: str) -> None:
    assert judged(list(events))[0] == ending


@pytest.mark.parametrize(
    ("line", "begun"),
    [
        (said("", role="assistant"), False),
        (said(None), False),
        (event({"choices": [], "prompt_filter_results": []}), False),
        (event({"choices": [{"delta": {"content": None, "role": "assistant"}}]}), False),
        (CREATED, False),
        (b": ping\n\n", False),
        (said("a"), True),
        (event({"choices": [{"text": "a"}]}), True),
        (event({"choices": [{"delta": {"tool_calls": [{"index": 0}]}}]}), True),
        (event({"choices": [{"delta": {"reasoning_content": "hm"}}]}), True),
        (event({"type": "response.output_text.delta", "delta": "a"}), True),
        (event({"choices": "odd"}), True),
    ],
)
def test_when_content_has_begun(line: bytes, begun: bool) -> None:
    stream = EventStream()
    stream.feed(line)
    assert stream.begun is begun


def test_usage_comes_from_the_last_events() -> None:
    usage = judged([*STREAM[:4], USAGE, DONE])[1]
    assert (usage.prompt_tokens, usage.completion_tokens) == (7, 3)  # type: ignore[attr-defined]
    usage = judged([CREATED, COMPLETED])[1]
    assert (usage.prompt_tokens, usage.completion_tokens) == (5, 2)  # type: ignore[attr-defined]


def test_an_endless_line_ends_the_stream_and_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LONGEST_LINE_BYTES", 1000)
    stream = EventStream()
    with pytest.raises(EndlessLine):
        for _ in range(11):
            stream.feed(b"data: " + b"a" * 100)


def test_only_the_last_lines_are_kept() -> None:
    stream = EventStream()
    for number in range(1000):
        stream.feed(event({"choices": [{"delta": {"content": str(number)}}]}))
    assert stream.events == 1000
    assert [json.loads(line[5:])["choices"][0]["delta"]["content"] for line in stream.last] == [
        str(number) for number in range(992, 1000)
    ]
