"""Bytes of a text file → text: byte order mark, then strict UTF-8, then what the file declares, then a guess."""

import codecs
import re

from charset_normalizer import from_bytes

from ingestion.failures import corrupt

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE
)
# A guess needs a sample, not the whole file: guessing time grows with its length.
SAMPLE_BYTES = 64 * 1024
# Western text is by far the most frequent that is not UTF-8; a guess must beat it to be taken.
FALLBACK = "cp1252"


def decode(data: bytes) -> str:
    """The text of `data`; bytes that fit no encoding become U+FFFD, but mostly unreadable data is a corrupt file."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    if (wide := _utf16_without_mark(data)) is not None:
        return data.decode(wide, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if _is_utf8_with_flaws(data, error):
            return data.decode("utf-8", "replace")
    text = data.decode(_declared(data) or _guessed(data), "replace")
    if text.count("\ufffd") > len(text) // 10:
        raise corrupt("text")
    return text


def _utf16_without_mark(data: bytes) -> str | None:
    """UTF-16 of Western text has a zero in every other byte."""
    head = data[:2048]
    pairs = len(head) // 2
    if pairs < 2:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > pairs * 0.4 and even < pairs * 0.05:
        return "utf-16-le"
    if even > pairs * 0.4 and odd < pairs * 0.05:
        return "utf-16-be"
    return None


def _is_utf8_with_flaws(data: bytes, error: UnicodeDecodeError) -> bool:
    """Whether a few broken bytes stand in text that is otherwise UTF-8, and not merely ASCII."""
    sample = data[max(0, error.start - SAMPLE_BYTES) : error.start + SAMPLE_BYTES]
    text = sample.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    wide = sum(1 for character in text if ord(character) > 127) - broken
    return wide > broken * 4


def _declared(data: bytes) -> str | None:
    found = _DECLARED.search(data[:2048])
    if found is None:
        return None
    try:
        return codecs.lookup(found[1].decode("ascii")).name
    except LookupError:
        return None


def _guessed(data: bytes) -> str:
    # The sample starts at the first byte that is not ASCII: before it every guess is as good as any other.
    first = next((at for at, byte in enumerate(data) if byte > 127), 0)
    begin = max(0, first - 256)
    best = from_bytes(data[begin : begin + SAMPLE_BYTES], enable_fallback=False).best()
    return best.encoding if best is not None else FALLBACK
