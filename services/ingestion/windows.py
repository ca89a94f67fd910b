"""What is embedded of a passage: its text with title and headings before it, in pieces that the model reads whole."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ingestion.tokens import Tokens

# What stands before a passage when it is embedded may take this share of the model's window.
CONTEXT_SHARE = 4
# What a document says of itself that questions ask for.
_SAID = ("description", "author")


def windows_of(text: str, count: int, context: str, tokens: Tokens, window: int) -> Iterator[str]:
    """The text with its context, in as many windows as the model needs to read all of it."""
    prefix = ""
    taken = 0
    if context:
        pieces = tokens.split(context, window // CONTEXT_SHARE)
        prefix = context[pieces[0][0] : pieces[0][1]] + "\n" if pieces else ""
        (taken,) = tokens.count([prefix])
    room = window - tokens.special - taken
    if count <= room:
        yield prefix + text
        return
    for start, end in tokens.split(text, room):
        yield prefix + text[start:end]


def windows_again(
    title: str, headings: Sequence[str], text: str, tokens: Tokens, window: int, *, context: bool
) -> list[str]:
    """The windows of a passage that was made before, for a model that reads another length."""
    before = " › ".join((title, *headings)) if context else ""
    (count,) = tokens.count([text])
    return list(windows_of(text, count, before, tokens, window))


def introduction(title: str, about: Mapping[str, Any], tokens: Tokens, window: int) -> tuple[str, ...]:
    """One more window for a document's first passage: what the document says of itself; none if it says nothing.

    A passage counts by its best window. Without this one a question for the author or the subject of a document would
    be answered by whatever lies near it.
    """
    said = [str(about[name]) for name in _SAID if about.get(name)]
    if not said:
        return ()
    text = ". ".join((title, *said))
    pieces = tokens.split(text, window - tokens.special)
    return (text[: pieces[0][1]],)
