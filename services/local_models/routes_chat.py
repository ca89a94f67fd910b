"""`POST /v1/chat/completions`: extractive answers, whole or streamed."""

import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from common.auth import CallerDep
from common.deadline import Deadline
from common.errors import invalid
from common.ids import new_id
from local_models.answer import NO_ANSWER, Quote, quotes
from local_models.disconnect import while_connected
from local_models.models import ANSWER_MODEL, Models
from local_models.passages import parse
from local_models.wire import read, reply, require_model

router = APIRouter()


class Message(msgspec.Struct):
    """One message; its content is text, or a list of parts of which the text ones are read."""

    role: str
    content: Any = None


class StreamOptions(msgspec.Struct):
    """What a stream carries beside the answer."""

    include_usage: bool = False


class ChatRequest(msgspec.Struct):
    """What is read of the body; the temperature has no effect, an extractive answer is always the same."""

    model: str
    messages: list[Message]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    tools: list[Any] | None = None


@router.post("/v1/chat/completions")
async def chat(request: Request, _: CallerDep) -> Response:
    """Quotes from the passages in the last user message, each with its mark; one plain sentence when none fits."""
    models: Models = request.app.state.models
    asked = await read(request, ChatRequest)
    require_model(asked.model, ANSWER_MODEL)
    if asked.n not in (None, 1):
        raise invalid("`n` must be 1: an extractive answer is always the same.", "n")
    if asked.tools:
        raise invalid("`tools` are not supported by this model.", "tools")
    contents = [_text(m, place) for place, m in enumerate(asked.messages) if m.role == "user"]
    if not contents:
        raise invalid("`messages` must hold a message with the role user.", "messages")
    limit = asked.max_completion_tokens or asked.max_tokens
    if limit is not None and limit < 1:
        raise invalid("`max_tokens` must be at least 1.", "max_tokens")
    deadline = Deadline.from_headers(request.headers, request.app.state.settings.request_s)
    found = await while_connected(request, deadline, quotes(models, parse(contents)))
    sentences, whole = _within(models, found, limit)
    used = _usage(models, contents, sentences)
    finish = "stop" if whole else "length"
    frame = {"id": new_id("chatcmpl-"), "created": int(time.time()), "model": ANSWER_MODEL}
    if asked.stream:
        with_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return StreamingResponse(
            _events(frame, sentences, finish, used if with_usage else None), media_type="text/event-stream"
        )
    message = {"role": "assistant", "content": " ".join(sentences)}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return reply({**frame, "object": "chat.completion", "choices": [choice], "usage": used})


def _text(message: Message, place: int) -> str:
    if isinstance(message.content, str):
        return message.content
    if isinstance(message.content, list):
        return "\n".join(str(part.get("text", "")) for part in message.content if isinstance(part, dict))
    raise invalid(f"`messages[{place}].content` must be text or a list of parts.", f"messages[{place}].content")


def _within(models: Models, found: list[Quote], limit: int | None) -> tuple[list[str], bool]:
    """The sentences that fit into `limit` tokens, cut between two of them, and whether that is all of them."""
    sentences = [str(quote) for quote in found] or [NO_ANSWER]
    if limit is None:
        return sentences, True
    kept: list[str] = []
    used = 0
    for sentence in sentences:
        used += _tokens(models, sentence)
        if used > limit:
            return kept, False
        kept.append(sentence)
    return kept, True


def _usage(models: Models, contents: list[str], sentences: list[str]) -> dict[str, int]:
    asked, answered = (sum(_tokens(models, text) for text in texts) for texts in (contents, sentences))
    return {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}


def _tokens(models: Models, text: str) -> int:
    return models.tokens.count(text)


async def _events(
    frame: dict[str, Any], sentences: list[str], finish: str, usage: dict[str, int] | None
) -> AsyncIterator[bytes]:
    def event(delta: dict[str, str], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return _event({**frame, "object": "chat.completion.chunk", "choices": [choice]})

    yield event({"role": "assistant", "content": ""})
    for place, sentence in enumerate(sentences):
        words = sentence.split(" ")
        for number, word in enumerate(words):
            last = place == len(sentences) - 1 and number == len(words) - 1
            yield event({"content": word if last else f"{word} "})
    yield event({}, finish)
    if usage is not None:
        yield _event({**frame, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _event(content: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(content) + b"\n\n"
