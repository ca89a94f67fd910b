"""`POST /v1/chat/completions`: extractive answers, whole or streamed."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
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
from local_models.prompt import parse
from local_models.reader import Reader
from local_models.tokens import Tokens
from local_models.wire import read, reply, require_model

router = APIRouter()

# What one event of a stream carries.
_WORD = re.compile(r"\S+\s*")


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


@dataclass(frozen=True)
class Answer:
    """What the caller gets, however it is sent."""

    text: str
    finish: str
    usage: dict[str, int]


@router.post("/v1/chat/completions")
async def chat(request: Request, caller: CallerDep) -> Response:
    """Quotes from the passages in the last user message, each with its mark; one plain sentence when none fits."""
    models: Models = request.app.state.models
    reader: Reader = request.app.state.reader
    asked = await read(request, ChatRequest)
    require_model(asked.model, ANSWER_MODEL)
    if asked.n not in (None, 1):
        raise invalid("`n` must be 1: an extractive answer is always the same.", "n")
    if asked.tools:
        raise invalid("`tools` are not supported by this model.", "tools")
    texts = [_text(message, place) for place, message in enumerate(asked.messages)]
    questions = [text for text, message in zip(texts, asked.messages, strict=True) if message.role == "user"]
    if not questions:
        raise invalid("`messages` must hold a message with the role user.", "messages")
    limit = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    if limit is not None and limit < 1:
        field = "max_tokens" if asked.max_completion_tokens is None else "max_completion_tokens"
        raise invalid(f"`{field}` must be at least 1.", field)
    deadline = Deadline.from_headers(request.headers, request.app.state.settings.request_s)

    async def work() -> Answer:
        prompt = await asyncio.to_thread(parse, questions[-1])
        found = await quotes(reader, prompt, caller.lane)
        return await asyncio.to_thread(_answer, models.tokens, texts, found, limit)

    answer = await while_connected(request, deadline, work())
    frame = {"id": new_id("chatcmpl-"), "created": int(time.time()), "model": ANSWER_MODEL}
    if asked.stream:
        with_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return StreamingResponse(_events(frame, answer, with_usage), media_type="text/event-stream")
    message = {"role": "assistant", "content": answer.text}
    choice = {"index": 0, "message": message, "finish_reason": answer.finish}
    return reply({**frame, "object": "chat.completion", "choices": [choice], "usage": answer.usage})


def _text(message: Message, place: int) -> str:
    content = message.content
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    if content is None and message.role != "user":
        return ""  # an assistant's turn may hold tool calls only
    raise invalid(f"`messages[{place}].content` must be text or a list of parts.", f"messages[{place}].content")


def _answer(tokens: Tokens, texts: list[str], found: list[Quote], limit: int | None) -> Answer:
    whole = " ".join(map(str, found)) or NO_ANSWER
    text = whole if limit is None else tokens.head(whole, limit)
    asked, answered = sum(map(tokens.count, texts)), tokens.count(text)
    usage = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
    return Answer(text, "stop" if text == whole else "length", usage)


async def _events(frame: dict[str, Any], answer: Answer, with_usage: bool) -> AsyncIterator[bytes]:
    def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
        # A client that asked for the usage gets the field in every chunk, as from OpenAI.
        usage = {"usage": None} if with_usage else {}
        return (
            b"data: "
            + msgspec.json.encode({**frame, "object": "chat.completion.chunk", "choices": choices, **usage, **more})
            + b"\n\n"
        )

    def delta(content: dict[str, str], finish: str | None = None) -> bytes:
        return event([{"index": 0, "delta": content, "finish_reason": finish}])

    yield delta({"role": "assistant", "content": ""})
    for word in _WORD.findall(answer.text):
        yield delta({"content": word})
    yield delta({}, answer.finish)
    if with_usage:
        yield event([], usage=answer.usage)
    yield b"data: [DONE]\n\n"
