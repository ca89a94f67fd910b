"""The parts of OpenAI's answers that the pool reads: usage, errors, and whether there is anything in them."""

from typing import Any

import msgspec

from llm_proxy.ask import Usage

_NONE = msgspec.Raw(b"")
_NOTHING = (b"", b"null", b'""', b"[]", b"{}")


class Details(msgspec.Struct):
    """Part of the tokens read."""

    cached_tokens: int | None = None


class WireUsage(msgspec.Struct):
    """Tokens as either API counts them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: Details | None = None
    input_tokens_details: Details | None = None

    def counted(self) -> Usage:
        """As the pool counts. A rerank answer may give a total only, all of it read."""
        written = self.completion_tokens or self.output_tokens or 0
        read = self.prompt_tokens or self.input_tokens or max(0, (self.total_tokens or 0) - written)
        details = self.prompt_tokens_details or self.input_tokens_details
        return Usage(max(0, read), max(0, written), max(0, details.cached_tokens or 0) if details else 0)


class Message(msgspec.Struct):
    """What a choice says, each field still encoded: only whether there is anything matters."""

    content: msgspec.Raw = _NONE
    tool_calls: msgspec.Raw = _NONE
    function_call: msgspec.Raw = _NONE
    refusal: msgspec.Raw = _NONE
    audio: msgspec.Raw = _NONE
    reasoning_content: msgspec.Raw = _NONE
    reasoning: msgspec.Raw = _NONE

    def empty(self) -> bool:
        """Whether it says nothing."""
        return all(
            bytes(part) in _NOTHING
            for part in (
                self.content,
                self.tool_calls,
                self.function_call,
                self.refusal,
                self.audio,
                self.reasoning_content,
                self.reasoning,
            )
        )


class Choice(msgspec.Struct):
    """One choice of a whole answer."""

    message: Message | None = None
    text: str | None = None
    finish_reason: str | None = None

    def empty(self) -> bool:
        """Whether it stopped without a word."""
        if self.finish_reason != "stop":
            return False
        return self.message.empty() if self.message is not None else self.text == ""


class WholeAnswer(msgspec.Struct):
    """A whole answer."""

    error: Any = None
    status: Any = None
    usage: WireUsage | None = None
    choices: list[Choice] | None = None


class StreamChoice(msgspec.Struct):
    """One choice of an event."""

    delta: dict[str, Any] | None = None
    text: str | None = None
    finish_reason: str | None = None

    def says(self) -> bool:
        """Whether there is content in it; a role alone is none."""
        if self.text:
            return True
        delta = self.delta or {}
        return any(value not in (None, "", [], {}) for name, value in delta.items() if name != "role")


class StreamResponse(msgspec.Struct):
    """What an event of the Responses API carries."""

    usage: WireUsage | None = None
    error: Any = None


class StreamEvent(msgspec.Struct):
    """One event of a stream."""

    type: str | None = None
    choices: list[StreamChoice] | None = None
    error: Any = None
    usage: WireUsage | None = None
    response: StreamResponse | None = None
    code: str | None = None


def error_code(error: Any) -> str:
    """The code or type of an error object, else a word."""
    if isinstance(error, dict):
        return str(error.get("code") or error.get("type") or "error")[:80]
    return "error"
