"""The conversation around a question: what of it goes to the model, and a follow-up made to stand for itself."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from common.pool_client import PoolUnavailable
from orchestrator.pipeline.ask import Message
from orchestrator.pipeline.prompt import NO_ANSWER

REWRITE_PROMPT = """\
Rewrite the last question of this conversation so that it can be understood without the conversation: put names in the \
place of words that refer back. Keep its language and its meaning. If it stands for itself already, repeat it. \
Reply with the question alone.
"""
SEARCH_PROMPT = """\
Rewrite this text as one query for a search engine over documents: keep names, numbers and identifiers, leave out \
politeness, and do not answer it. Reply with the query alone, in the language of the text.
"""
# Of both prompts, on traces: to be counted up with a change of their text.
REWRITE_VERSION = "1"
REWRITE_MAX_TOKENS = 128

# Control characters mean nothing to a model, and Postgres refuses NUL; half a surrogate pair is not text at all.
_UNSPEAKABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# Marks of an earlier answer stand for that answer's passages; this one has others under the same numbers.
_OLD_MARK = re.compile(r"\s*\[\d{1,3}\]")


def clean(text: str) -> str:
    """`text` without what cannot be said, and without space around it."""
    return _UNSPEAKABLE.sub("", text).strip()


def recent(history: Sequence[Message], longest_chars: int) -> tuple[Message, ...]:
    """The newest messages that fit, whole ones only, in their order, without the marks of earlier answers."""
    kept: list[Message] = []
    room = longest_chars
    for message in reversed(history):
        content = clean(message.content)
        if message.role == "assistant":
            content = _OLD_MARK.sub("", content)
        room -= len(content)
        if room < 0:
            break
        if content:
            kept.append(Message(message.role, content))
    return tuple(reversed(kept))


def rewrite_body(model: str, history: Sequence[Message], question: str) -> dict[str, Any]:
    """The request to the rewriter: a follow-up to be made whole, or, without a conversation, a query to sharpen."""
    rules = REWRITE_PROMPT if history else SEARCH_PROMPT
    turns = [*history, Message("user", question)]
    told = "\n".join(f"{turn.role}: {turn.content}" for turn in turns) if history else question
    return {
        "model": model,
        "messages": [{"role": "system", "content": rules}, {"role": "user", "content": told}],
        "temperature": 0,
        "max_tokens": REWRITE_MAX_TOKENS,
    }


def rewritten(reply: Mapping[str, Any], question: str, longest_chars: int) -> str:
    """The rewriter's question; the question as asked when the reply is none. Raises PoolUnavailable for no reply."""
    try:
        content = reply["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        raise PoolUnavailable("the rewriter's answer has an unexpected shape") from None
    lines = [line for line in clean(str(content or "")).splitlines() if line.strip()]
    # An extractive model cannot rewrite, and says that nothing fits; a chatty one writes several lines.
    if len(lines) != 1 or lines[0] == NO_ANSWER or len(lines[0]) > longest_chars:
        return question
    return lines[0].strip("\"'“” ") or question
