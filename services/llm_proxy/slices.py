"""A long list of texts to embed, spread over the endpoints: each slice is a call of its own, and may fail alone."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from common.errors import ApiError
from llm_proxy import body as bodies
from llm_proxy.admission import Ask
from llm_proxy.judgement import Verdict
from llm_proxy.relay import Relay, Served
from llm_proxy.wire import WireUsage

MakeRelay = Callable[[Ask, bodies.Body], Relay]


class _Row(msgspec.Struct):
    embedding: msgspec.Raw
    index: int | None = None
    object: str = "embedding"


class _Answer(msgspec.Struct):
    data: list[_Row]
    model: str = ""
    usage: WireUsage | None = None
    object: str = "list"


class _SliceRefused(Exception):
    """An endpoint refused the request itself: the caller gets that."""

    def __init__(self, served: Served) -> None:
        super().__init__(served.verdict.detail)
        self.served = served


def sliced(body: bytes, inputs: int) -> list[bytes] | None:
    """The bodies of the slices; None when one call is enough."""
    texts = bodies.inputs(body) if inputs else None
    if texts is None or len(texts) <= inputs:
        return None
    return [bodies.with_inputs(body, texts[start : start + inputs]) for start in range(0, len(texts), inputs)]


async def embedded(ask: Ask, slices: Sequence[bytes], at_once: int, make: MakeRelay) -> Served:
    """The answer to all slices as one: order kept, usage summed. Only a slice that failed is asked again.

    Raises ApiError when one of them cannot be had; the others are then cancelled.
    """
    turns = asyncio.Semaphore(at_once)

    async def one(body: bytes) -> Served:
        async with turns:
            part = replace(ask, prompt_tokens=bodies.prompt_tokens(body))
            served = await make(part, bodies.divided(body)).whole()
            if served.verdict.failure is not None:
                raise _SliceRefused(served)
            return served

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(body)) for body in slices]
    except BaseExceptionGroup as failures:
        first = _first(failures)
        if isinstance(first, _SliceRefused):
            return first.served
        raise first from None
    return _joined([task.result() for task in tasks])


def _first(failure: BaseException) -> BaseException:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure


def _joined(parts: Sequence[Served]) -> Served:
    rows: list[_Row] = []
    usage = WireUsage(prompt_tokens=0, total_tokens=0)
    answer = None
    for part in parts:
        try:
            answer = msgspec.json.decode(part.verdict.body, type=_Answer)
        except msgspec.MsgspecError:
            raise ApiError(502, "An endpoint's embeddings have an unexpected shape.", code="upstream_failed") from None
        ordered = sorted(answer.data, key=lambda row: row.index or 0) if _indexed(answer.data) else answer.data
        rows.extend(ordered)
        if answer.usage is not None:
            usage.prompt_tokens = (usage.prompt_tokens or 0) + (answer.usage.prompt_tokens or 0)
            usage.total_tokens = (usage.total_tokens or 0) + (answer.usage.total_tokens or 0)
    assert answer is not None
    for index, row in enumerate(rows):
        row.index = index
    whole = {
        "object": "list",
        "data": rows,
        "model": answer.model,
        "usage": {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.total_tokens},
    }
    endpoints = ",".join(sorted({part.endpoint for part in parts}))
    return Served(Verdict(None, status=200, body=msgspec.json.encode(whole)), endpoints)


def _indexed(rows: Sequence[_Row]) -> bool:
    return all(row.index is not None for row in rows)
