"""The few errors that reach a caller, and the one place that puts them into OpenAI's error shape."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from common.logs import get_logger
from common.metrics import counter

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = get_logger("errors")
UNHANDLED = counter("unhandled_errors_total", "Exceptions that no code expected, answered with 500", ["service"])

_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class ApiError(Exception):
    """An answer that is an error. `message` is read by the caller: it names the field and says what to do."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str | None = None,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type or _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
        self.param = param
        self.code = code
        self.headers = dict(headers or {})


def invalid(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """400: the request cannot be understood or breaks a rule."""
    return ApiError(400, message, param=param, code=code)


def not_found(message: str, param: str | None = None) -> ApiError:
    """404: there is no such thing, or it is not the caller's."""
    return ApiError(404, message, param=param, code="not_found")


def too_large(message: str, param: str | None = None, headers: Mapping[str, str] | None = None) -> ApiError:
    """413: the body or a part of it is over its limit."""
    return ApiError(413, message, param=param, code="request_too_large", headers=headers)


def not_implemented(what: str) -> ApiError:
    """501: part of the API that this release does not have."""
    return ApiError(501, f"{what} is not available in this release.", type="not_implemented", code="not_implemented")


def unavailable(message: str, retry_after_s: float = 1.0) -> ApiError:
    """503: a part that the answer needs is down for now."""
    headers = {"retry-after": str(max(1, math.ceil(retry_after_s)))}
    return ApiError(503, message, type="server_error", code="service_unavailable", headers=headers)


def error_body(error: ApiError) -> dict[str, Any]:
    """The wire format: `{"error": {"message", "type", "param", "code"}}`."""
    return {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}


class Unexpected:
    """ASGI middleware: an exception that no code expected is logged, counted, and answered with a bare 500."""

    def __init__(self, app: "ASGIApp", service: str) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass the request on. An answer that has begun cannot be mended: its connection is cut instead."""
        started = False

        async def watch(message: "Message") -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            if scope["type"] != "http":
                raise
            UNHANDLED.labels(self.service).inc()
            trace.get_current_span().record_exception(error)
            log.error("unhandled", path=scope["path"], error=type(error).__name__, exc_info=error)
            if started:
                raise
            apology = ApiError(500, "Something went wrong on our side; the request id helps us find it.")
            await respond(apology, scope, receive, send)


async def respond(error: ApiError, scope: "Scope", receive: "Receive", send: "Send") -> None:
    """Answer a raw ASGI request with the error."""
    body = json.dumps(error_body(error), ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"content-length": str(len(body)), "content-type": "application/json", **error.headers}
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def field_path(parts: Sequence[str | int]) -> str:
    """`("messages", 0, "role")` → `messages[0].role`."""
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path
