"""Spans as OTLP writes them, in protobuf (opentelemetry-proto 1: trace.proto, common.proto).

Each span is encoded once, when it ends, and a batch is only joined: no request ever waits while one is put together.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

Value = str | bool | int | float
ERROR = 2
_FIXED64 = struct.Struct("<Q").pack
_DOUBLE = struct.Struct("<d").pack
_SHORT = [bytes((n,)) for n in range(128)]


@dataclass(slots=True)
class Span:
    """One request. Times are Unix nanoseconds; `link` is the caller's trace id and span id."""

    trace_id: bytes
    span_id: bytes
    name: str
    start_ns: int
    link: tuple[bytes, bytes] | None = None
    fixed: bytes = b""
    """Attributes that many spans share, encoded by `attributes` once."""
    attributes: dict[str, Value] = field(default_factory=dict[str, Value])
    events: list[tuple[int, str, dict[str, Value]]] = field(default_factory=list[tuple[int, str, dict[str, Value]]])
    error: str | None = None


def encoded(span: Span, end_ns: int) -> bytes:
    """The span as one entry of a batch."""
    parts = [
        b"\x0a\x10%b\x12\x08%b" % (span.trace_id, span.span_id),
        b"\x2a" + _sized(span.name.encode()),
        b"\x30\x02\x39%b\x41%b" % (_FIXED64(span.start_ns), _FIXED64(end_ns)),
        span.fixed,
        attributes(span.attributes),
    ]
    for at_ns, name, more in span.events:
        event = b"\x09%b\x12%b" % (_FIXED64(at_ns), _sized(name.encode()))
        parts.append(b"\x5a" + _sized(event + attributes(more, b"\x1a")))
    if span.link is not None:
        parts.append(b"\x6a\x1c\x0a\x10%b\x12\x08%b" % span.link)
    if span.error is not None:
        parts.append(b"\x7a" + _sized(b"\x12" + _sized(span.error.encode()) + b"\x18\x02"))
    return b"\x12" + _sized(b"".join(parts))


def batch(resource: Mapping[str, str], spans: Iterable[bytes]) -> bytes:
    """The body of one export of encoded spans."""
    described = attributes(resource, b"\x0a")
    scope = b"\x0a" + _sized(b"\x0a" + _sized(b"fairlead"))
    of_resource = b"\x0a" + _sized(described) + b"\x12" + _sized(scope + b"".join(spans))
    return b"\x0a" + _sized(of_resource)


def attributes(given: Mapping[str, Value], tag: bytes = b"\x4a") -> bytes:
    """Attributes as fields of a message that has them by this tag; a span has 9, an event 3."""
    # Names repeat from request to request; texts longer than a name would fill the cache.
    return b"".join(
        [
            _named(tag, key, value) if isinstance(value, str) and len(value) <= 100 else _attribute(tag, key, value)
            for key, value in given.items()
        ]
    )


def _attribute(tag: bytes, key: str, value: Value) -> bytes:
    if isinstance(value, str):
        return tag + _sized(_key(key) + _text(value))
    if isinstance(value, bool):
        held = b"\x12\x02\x10" + (b"\x01" if value else b"\x00")
    elif isinstance(value, int):
        held = b"\x12" + _sized(b"\x18" + _varint(value & 0xFFFF_FFFF_FFFF_FFFF))
    else:
        held = b"\x12\x09\x21" + _DOUBLE(value)
    return tag + _sized(_key(key) + held)


@lru_cache(maxsize=4096)
def _named(tag: bytes, key: str, value: str) -> bytes:
    return tag + _sized(_key(key) + _text(value))


@lru_cache(maxsize=1024)
def _key(key: str) -> bytes:
    return b"\x0a" + _sized(key.encode())


def _text(value: str) -> bytes:
    # Half a surrogate pair is no UTF-8, and one bad character must not lose a batch.
    return b"\x12" + _sized(b"\x0a" + _sized(value.encode("utf-8", "replace")))


def _sized(data: bytes) -> bytes:
    size = len(data)
    return (_SHORT[size] if size < 128 else _varint(size)) + data


def _varint(number: int) -> bytes:
    pieces = bytearray()
    while number > 127:
        pieces.append(number & 127 | 128)
        number >>= 7
    pieces.append(number)
    return bytes(pieces)
