"""Watches a stream of server-sent events as its bytes pass: has content begun, and how did it end.

Lines are split and the last few kept; they are read only until the first content has come and once more at the end,
so that an event in between costs the search for its line ends and nothing else.
"""

from collections import deque
from typing import Literal

import msgspec

from llm_proxy.ask import Usage
from llm_proxy.wire import StreamEvent, error_code

# The events that say how a stream ended are its last: a reason, the usage, an end mark, and a few that some add.
LAST_LINES = 8
# One event; what the Responses API sends at its end holds the whole answer.
LONGEST_LINE_BYTES = 8 * 1024 * 1024
# Of the last lines together, kept until the end.
LONGEST_TAIL_BYTES = 16 * 1024 * 1024

Ending = Literal["whole", "reason", "error", "cut"]

# Events of the Responses API that come before there is anything to read.
_PREPARING = frozenset(
    {
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.reasoning_summary_part.added",
    }
)
_ENDED = frozenset({"response.completed", "response.incomplete"})
_FAILED = frozenset({"response.failed", "error"})


class EndlessLine(Exception):
    """A single line is longer than any event may be."""


_DECODER = msgspec.json.Decoder(StreamEvent)


class EventStream:
    """Feed it every piece; it never changes one."""

    def __init__(self) -> None:
        self.begun = False
        """Whether a piece of content has come: from then on the stream is never begun again."""
        self.failed: str | None = None
        """The first event's fault, seen before any content."""
        self.ended = False
        """Whether an end mark has come before any content."""
        self.malformed = False
        """Whether a line before the first content was neither an event, a field nor a comment."""
        self.events = 0
        """How many there were: about one a token."""
        self._open: list[bytes] = []
        self._open_bytes = 0
        self.last: deque[bytes] = deque(maxlen=LAST_LINES)
        self._last_bytes = 0
        self._after_cr = False

    def feed(self, piece: bytes) -> None:
        """The next bytes, cut anywhere; raises EndlessLine."""
        if self._after_cr and piece:
            # The line feed of a pair whose carriage return ended the piece before.
            self._after_cr = False
            if piece[:1] == b"\n":
                piece = piece[1:]
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = piece.split(b"\n")
        rest = lines.pop()
        if not lines:
            self._open_bytes += len(rest)
            if self._open_bytes > LONGEST_LINE_BYTES:
                raise EndlessLine
            if rest:
                self._open.append(rest)
            return
        if self._open:
            self._open.append(lines[0])
            lines[0] = b"".join(self._open)
            self._open.clear()
        self._open_bytes = len(rest)
        if rest:
            self._open.append(rest)
        for line in lines:
            if line:
                self._line(line)

    def ending(self) -> Ending:
        """How the stream ended, once it has.

        `whole`: with its end mark. `reason`: every word came, only the end mark did not. `error`: with an error event
        of its own. `cut`: anything else.
        """
        self._finish()
        whole = reason = False
        for line in reversed(self.last):
            data = line[5:].strip()
            if data == b"[DONE]":
                whole = True
                continue
            event = _event(data)
            if event is None:
                continue
            if event.error is not None or event.type in _FAILED:
                return "error"
            whole = whole or event.type in _ENDED
            reason = reason or any(choice.finish_reason for choice in event.choices or ())
        return "whole" if whole else "reason" if reason else "cut"

    def usage(self) -> Usage | None:
        """What the last events say was used."""
        self._finish()
        for line in reversed(self.last):
            if b'"usage"' in line:
                event = _event(line[5:])
                if event is not None:
                    found = event.usage or (event.response.usage if event.response else None)
                    if found is not None:
                        return found.counted()
        return None

    def _finish(self) -> None:
        """A last line needs no line end."""
        if self._open:
            line = b"".join(self._open)
            self._open.clear()
            self._open_bytes = 0
            self._line(line)

    def _line(self, line: bytes) -> None:
        if not line.startswith(b"data:"):
            if not self.begun and not line.startswith((b":", b"event:", b"id:", b"retry:")):
                self.malformed = True
            return
        self.events += 1
        if len(self.last) == LAST_LINES:
            self._last_bytes -= len(self.last[0])
        self.last.append(line)
        self._last_bytes += len(line)
        while self._last_bytes > LONGEST_TAIL_BYTES and len(self.last) > 1:
            self._last_bytes -= len(self.last.popleft())
        if not self.begun and self.failed is None:
            self._first(line[5:].strip())

    def _first(self, data: bytes) -> None:
        """An event before the first content."""
        if data == b"[DONE]":
            self.ended = True
            return
        event = _event(data)
        if event is None:
            self.malformed = True
        elif event.error is not None or event.type in _FAILED:
            self.failed = event.code or error_code(event.error or (event.response.error if event.response else None))
        elif event.type is not None and event.choices is None:
            self.ended = self.ended or event.type in _ENDED
            self.begun = event.type not in _PREPARING and not self.ended
        elif event.choices is None:
            self.begun = event.usage is None
        else:
            self.begun = any(choice.says() for choice in event.choices)


def _event(data: bytes) -> StreamEvent | None:
    """The event, None when it is not one; fields of unexpected types make an event of no kind, which is content."""
    try:
        return _DECODER.decode(data)
    except msgspec.ValidationError:
        return StreamEvent(type="unknown")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
