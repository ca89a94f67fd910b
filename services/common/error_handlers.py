"""FastAPI's failures in OpenAI's error shape: what `create_app` installs; the shape itself is `common.errors`."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from common.errors import ApiError, error_body, field_path, invalid, too_large


def install(app: FastAPI) -> None:
    """Answer every failure of the application in the wire format, leaking nothing internal."""

    async def on_api_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ApiError)
        return _response(error)

    async def on_http_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return _response(_from_http(request, error))

    async def on_validation_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return _response(_from_validation(error.errors()))

    app.add_exception_handler(ApiError, on_api_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)


def _response(error: ApiError) -> JSONResponse:
    return JSONResponse(error_body(error), status_code=error.status, headers=error.headers)


def _from_http(request: Request, error: HTTPException) -> ApiError:
    if error.status_code == 404:
        return ApiError(404, f"Unknown path: {request.method} {request.url.path}", code="unknown_url")
    if error.status_code == 413:
        return too_large(str(error.detail))
    if error.status_code == 405:
        message = f"Method {request.method} is not allowed on {request.url.path}"
        return ApiError(405, message, code="method_not_allowed", headers=error.headers)
    return ApiError(error.status_code, str(error.detail), headers=error.headers)


def _from_validation(problems: Sequence[Any]) -> ApiError:
    """The first problem in words, with its place written as a path: `messages[0].role`."""
    first: dict[str, Any] = problems[0]
    if first.get("type") == "json_invalid":
        reason = first.get("ctx", {}).get("error", "it cannot be parsed")
        return invalid(f"The body is not valid JSON: {reason}", code="invalid_json")
    # The first part says whether body, query, path or header; a field may have one of these names too.
    place = field_path([part for part in tuple(first.get("loc", ()))[1:] if part != "[key]"])
    message = str(first.get("msg", "invalid")).removeprefix("Value error, ")
    return invalid(f"{place}: {message}" if place else message, param=place or None)
