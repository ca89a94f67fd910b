"""An answer in OpenAI's chat completion shapes, whole or as the chunks of a stream, and Fairlead's fields beside."""

import json
import time
from typing import Any

from common.errors import ApiError, error_body
from common.ids import new_id
from orchestrator.pipeline.ask import Answer, Usage
from orchestrator.pipeline.citations import Citation

DONE = b"data: [DONE]\n\n"


class ChatAnswer:
    """The envelope of one answer: its id and time are the same in every chunk."""

    def __init__(self, model: str) -> None:
        self._base = {"id": new_id("chatcmpl-"), "created": int(time.time()), "model": model}

    def whole(self, answer: Answer) -> dict[str, Any]:
        """A `chat.completion`."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": answer.text, "refusal": None},
            "logprobs": None,
            "finish_reason": answer.finish_reason,
        }
        return {
            **self._base,
            "object": "chat.completion",
            "choices": [choice],
            "usage": _usage(answer.usage),
            **own_fields(answer),
        }

    def first(self) -> bytes:
        """The chunk that names the role."""
        return self._chunk({"role": "assistant", "content": ""})

    def text(self, piece: str) -> bytes:
        """A chunk of text."""
        return self._chunk({"content": piece})

    def last(self, answer: Answer, include_usage: bool) -> bytes:
        """The end of the stream: why it ended and Fairlead's fields, usage where it was asked for, and `[DONE]`."""
        end = self._chunk({}, answer.finish_reason, **own_fields(answer))
        if include_usage:
            usage = {**self._base, "object": "chat.completion.chunk", "choices": [], "usage": _usage(answer.usage)}
            end += event(usage)
        return end + DONE

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None, **fields: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return event({**self._base, "object": "chat.completion.chunk", "choices": [choice], **fields})


def event(data: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def error_event(error: ApiError) -> bytes:
    """What ends a stream that could not be completed: no `[DONE]` follows it."""
    return event(error_body(error))


def own_fields(answer: Answer) -> dict[str, Any]:
    """What Fairlead adds to OpenAI's fields."""
    return {
        "citations": [_citation(citation) for citation in answer.citations],
        "trace_id": answer.trace_id,
        "degraded": list(answer.degraded),
        "config_hash": answer.config_hash,
        "fairlead": {"answered": answer.answered, "grounding": answer.grounding},
    }


def _citation(citation: Citation) -> dict[str, Any]:
    passage = citation.passage
    return {
        "index": citation.index,
        "file_id": passage.file_id,
        "filename": passage.filename,
        "title": passage.title,
        "page": passage.page_of(citation.quote),
        "quote": citation.quote,
        "score": passage.score,
        "chunk_id": passage.chunk_id,
        "text": passage.text,
    }


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
