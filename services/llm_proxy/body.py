"""What the pool reads of a request body, once, and how it puts another model's name into it without re-encoding."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from common.errors import ApiError, invalid

# Text in the languages people ask in is about four bytes a token; counting them exactly would cost more than the call.
BYTES_PER_TOKEN = 4
# What models count for a large image in detail; an image given by its address costs as much as one given in bytes.
TOKENS_PER_IMAGE = 1_500
_IMAGE = re.compile(rb'"image_url"\s*:')
_IMAGE_DATA = re.compile(rb'"data:image/[^"]*"')
_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
_FIELD = re.compile(r" - at `\$\.?([^`]*)`$")


class Peek(msgspec.Struct):
    """The fields that decide where a call goes and what it may cost; the others are skipped, not decoded."""

    model: str
    stream: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    n: int | None = None

    @property
    def answer_tokens(self) -> int | None:
        """The longest answer that the caller lets the model give, all choices together; None when it does not say."""
        asked = self.max_completion_tokens or self.max_tokens or self.max_output_tokens
        return asked * (self.n or 1) if asked else None


class Inputs(msgspec.Struct):
    """What an embeddings call wants embedded, each still encoded; a string or a list of token ids is one input."""

    input: list[msgspec.Raw] | str | None = None


_PEEK = msgspec.json.Decoder(Peek)
_INPUTS = msgspec.json.Decoder(Inputs)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Body:
    """A body, and where in it the model's name stands."""

    whole: bytes
    start: int
    end: int

    def renamed(self, model: bytes | None) -> bytes:
        """The body as it came, or with `model`, in JSON, as its model."""
        if model is None:
            return self.whole
        view = memoryview(self.whole)
        return b"".join((view[: self.start], model, view[self.end :]))


def peek(body: bytes) -> Peek:
    """Read the body's decisive fields; raises ApiError 400 naming the field."""
    try:
        seen = _PEEK.decode(body)
    except msgspec.ValidationError as error:
        raise _wrong(error) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise invalid(f"The body is not valid JSON: {error}", code="invalid_json") from None
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens", "n"):
        value = getattr(seen, name)
        if value is not None and value < (1 if name == "n" else 0):
            raise invalid(f"{name}: must not be {value}", name)
    return seen


def divided(body: bytes) -> Body:
    """The body around its model's name.

    When the body holds `"model"` once and no escape that could spell a key in another way, that one is the key: inside
    a string its second quote would be escaped. Any other body (one that talks about `"model"`, or has the key twice)
    is encoded again from its top level, where the last of equal keys wins, as it did for `peek`.
    """
    if body.count(b'"model"') == 1 and b"\\u006" not in body:
        found = _MODEL.search(body)
        if found is not None:
            return Body(body, *found.span(1))
    fields = _FIELDS.decode(body)
    model = bytes(fields.pop("model"))
    rest = msgspec.json.encode(fields)
    before, after = b'{"model":', b"}" if rest == b"{}" else b"," + rest[1:]
    return Body(b"".join((before, model, after)), len(before), len(before) + len(model))


def inputs(body: bytes) -> list[msgspec.Raw] | None:
    """The inputs of an embeddings call when it has several that can be told apart; else None."""
    try:
        several = _INPUTS.decode(body).input
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(several, list) or len(several) < 2:
        return None
    # A list of numbers is one text, already in tokens.
    return None if bytes(several[0])[:1] in b"-0123456789" else several


def with_inputs(body: bytes, part: list[msgspec.Raw]) -> bytes:
    """The body with only these inputs."""
    fields: dict[str, Any] = dict(_FIELDS.decode(body))
    fields["input"] = part
    return msgspec.json.encode(fields)


def prompt_tokens(body: bytes) -> int:
    """About how many tokens the body asks a model to read; an image counts as one, however many bytes it has."""
    size, images = len(body), 0
    if b'"image_url"' in body:
        images = len(_IMAGE.findall(body))
        size -= sum(len(found) for found in _IMAGE_DATA.findall(body))
    return -(-size // BYTES_PER_TOKEN) + images * TOKENS_PER_IMAGE


def _wrong(error: msgspec.ValidationError) -> ApiError:
    text = str(error)
    found = _FIELD.search(text)
    field = found[1] if found else ""
    if not field:
        missing = re.search(r"missing required field `([^`]*)`", text)
        field = missing[1] if missing else ""
    return invalid(f"{field}: {text.partition(' - at ')[0]}" if field else f"The body: {text}", field or None)
