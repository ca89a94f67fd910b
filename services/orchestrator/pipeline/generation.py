"""The model's part: streaming its answer through the pool, and what is said in its place when it cannot answer."""

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

from common import exemplars
from common.metrics import counter, histogram
from common.pool_client import PoolUnavailable
from common.telemetry import Span
from orchestrator.pipeline import sentences
from orchestrator.pipeline.ask import Usage
from orchestrator.pipeline.marks import MarkFilter
from orchestrator.pipeline.run import Run

FIRST_TOKEN_SECONDS = histogram("first_token_seconds", "From the call of the model to its first text")
TOKENS = counter("tokens_total", "Tokens of answers, as the model counted them", ["direction"])


class StandIn(Exception):
    """The pool had to answer from an endpoint that only stands in for the model's own."""


NO_MODEL = "The language model cannot be reached at the moment, so this is not an answer. These passages fit best:"
# This many passages, cut to this length, are shown in the place of an answer.
SHOWN_PASSAGES = 3
SHOWN_CHARS = 400


async def stream(run: Run, span: Span) -> None:
    """Pass the model's text on as it comes, marks put right; fills `run.usage` and `run.finish_reason`.

    Raises PoolUnavailable or PoolRejected; text that has been passed on by then stays said.
    """
    body = _body(run)
    describe(span, body, "answer", run.tunables.prompt_version)
    began = time.perf_counter()
    said: list[str] = []
    silent = True
    chunks = run.parts.pool.chat_stream(
        body,
        deadline=run.ask.deadline,
        lane=run.ask.caller.lane,
        on_stand_in=lambda: run.degrade("stand_in", span, StandIn("a stand-in answers in the place of the model")),
    )
    try:
        async for chunk in _closing(chunks):
            piece = _text(chunk)
            if piece and silent:
                # Models begin with a chunk that names their role and says nothing.
                silent = False
                first_s = time.perf_counter() - began
                FIRST_TOKEN_SECONDS.observe(first_s, exemplars.current())
                span.set("gen_ai.response.time_to_first_chunk", first_s)
                span.event("first_token")
            said.append(piece)
            await run.say(run.draft.feed(piece))
            _account(run, span, chunk)
        await run.say(run.draft.close())
    finally:
        span.output([{"role": "assistant", "content": "".join(said)}])
    if not run.draft.text.strip():
        raise PoolUnavailable("the model's answer is empty")
    used(span, run.usage)
    span.set("gen_ai.response.finish_reasons", [run.finish_reason])
    TOKENS.labels("input").inc(run.usage.prompt_tokens)
    TOKENS.labels("output").inc(run.usage.completion_tokens)


async def show_passages(run: Run) -> None:
    """In the place of an answer: the best passages, and the plain word that this is no answer."""
    run.draft = MarkFilter(run.passages)
    await run.say(run.draft.literal(NO_MODEL))
    for passage in run.passages[:SHOWN_PASSAGES]:
        await run.say(run.draft.literal(f"\n\n{_excerpt(passage.text)} ") + run.draft.mark(passage))


def _body(run: Run) -> dict[str, Any]:
    ask, tunables = run.ask, run.tunables
    return {
        **ask.sampling,
        "model": tunables.model,
        "messages": run.messages,
        "temperature": tunables.temperature if ask.temperature is None else ask.temperature,
        "max_tokens": min(ask.max_tokens or tunables.max_tokens, tunables.max_tokens),
        "stream_options": {"include_usage": True},
    }


def describe(span: Span, body: Mapping[str, Any], prompt_name: str, prompt_version: str) -> None:
    """What a call of the model is, in its span."""
    span.set("gen_ai.operation.name", "chat")
    span.set("gen_ai.provider.name", "fairlead")
    span.set("gen_ai.request.model", body["model"])
    span.set("gen_ai.request.temperature", float(body["temperature"]))
    span.set("gen_ai.request.max_tokens", body["max_tokens"])
    span.set("gen_ai.prompt.name", prompt_name)
    span.set("fairlead.prompt.version", prompt_version)
    span.input({"messages": body["messages"]})


def used(span: Span, usage: Usage) -> None:
    """The tokens of a call, in its span."""
    span.set("gen_ai.usage.input_tokens", usage.prompt_tokens)
    span.set("gen_ai.usage.output_tokens", usage.completion_tokens)


def usage_of(reply: Mapping[str, Any]) -> Usage | None:
    """What a reply, or a chunk of one, says that was used."""
    usage = reply.get("usage")
    return Usage(int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)) if usage else None


def _account(run: Run, span: Span, chunk: Mapping[str, Any]) -> None:
    run.usage = usage_of(chunk) or run.usage
    for choice in chunk.get("choices") or ():
        if choice.get("finish_reason"):
            ended = choice["finish_reason"]
            run.finish_reason = ended if ended in ("length", "content_filter") else "stop"
            span.set("gen_ai.response.model", chunk.get("model"))


def _text(chunk: Mapping[str, Any]) -> str:
    return "".join(str((choice.get("delta") or {}).get("content") or "") for choice in chunk.get("choices") or ())


async def _closing(chunks: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """Close the stream for certain when its reader leaves: that is what cancels the generation upstream."""
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        await cast(Any, chunks).aclose()


def _excerpt(text: str) -> str:
    """The passage's first sentences, as many as fit."""
    end = 0
    for sentence in sentences.split(text):
        if sentence.end > SHOWN_CHARS and end:
            break
        end = sentence.end
    cut = text[:end].strip()
    return cut if len(cut) <= SHOWN_CHARS else cut[:SHOWN_CHARS].rsplit(None, 1)[0] + " …"
