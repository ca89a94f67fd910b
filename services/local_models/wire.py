"""Bodies in and out: JSON into typed requests, and every mistake named by its field in OpenAI's error shape."""

import re
from typing import Any, TypeVar

import msgspec
from fastapi import Request, Response

from common.errors import ApiError, invalid
from local_models.models import ANSWER_MODEL, EMBEDDING_MODEL

T = TypeVar("T")

_PLACE = re.compile(r"(?P<reason>.*) - at `\$\.(?P<place>[^`]+)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`")


async def read(request: Request, kind: type[T]) -> T:
    """The request's body as a `kind` (a msgspec.Struct); fields it does not know are ignored. Raises ApiError 400."""
    body = await request.body()
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"The body is not valid JSON: {error}", code="invalid_json") from None


def reply(content: Any) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(content), media_type="application/json")


def require_model(given: str, wanted: str) -> None:
    """404 for a model that does not exist here, 400 for one that does something else."""
    if given == wanted:
        return
    if given in (EMBEDDING_MODEL, ANSWER_MODEL):
        raise invalid(f"The model `{given}` cannot do this; use `{wanted}`.", "model", "model_not_supported")
    message = f"The model `{given[:200]}` does not exist; this service has `{EMBEDDING_MODEL}` and `{ANSWER_MODEL}`."
    raise ApiError(404, message, param="model", code="model_not_found")


def _invalid(text: str) -> ApiError:
    """msgspec's "Expected `str`, got `int` - at `$.messages[0].role`" with the place as the parameter."""
    place, reason = "", text
    if match := _PLACE.fullmatch(text):
        place, reason = match["place"], match["reason"]
    if missing := _MISSING.search(reason):
        place = f"{place}.{missing['field']}" if place else missing["field"]
        return invalid(f"`{place}` is required.", place, "missing_required_parameter")
    return invalid(f"`{place}`: {reason}" if place else reason, place or None)
