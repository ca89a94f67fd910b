"""Calls of aiohttp clients as spans: a session made with `trace_configs=[http_spans()]` traces and passes the trace on.

Attributes are those of OpenTelemetry's semantic conventions for HTTP clients. A span ends with the head of the answer.
"""

from types import SimpleNamespace

import aiohttp
from yarl import URL

from common import telemetry


def http_spans() -> aiohttp.TraceConfig:
    """For `aiohttp.ClientSession(trace_configs=[…])`. A call outside of a trace makes no span."""
    config = aiohttp.TraceConfig()
    config.on_request_start.append(_started)
    config.on_request_end.append(_answered)
    config.on_request_exception.append(_failed)
    return config


async def _started(_: aiohttp.ClientSession, call: SimpleNamespace, request: aiohttp.TraceRequestStartParams) -> None:
    tracing = telemetry.current()
    if tracing is None:
        request.headers.update(telemetry.trace_headers())
        return
    attributes = {
        "http.request.method": request.method,
        "url.full": str(shown(request.url)),
        "server.address": request.url.host,
        "server.port": request.url.port,
    }
    # By host: addresses with ids in them would make every span's name another one.
    span = call.span = tracing.client_span(f"{request.method} {request.url.host}", attributes)
    with span.running():
        request.headers.update(telemetry.trace_headers())


async def _answered(_: aiohttp.ClientSession, call: SimpleNamespace, answer: aiohttp.TraceRequestEndParams) -> None:
    if (span := getattr(call, "span", None)) is None:
        return
    status = answer.response.status
    span.set("http.response.status_code", status)
    if status >= 400:
        span.set("error.type", str(status))
        span.fail(f"HTTP {status}")
    span.end()


async def _failed(_: aiohttp.ClientSession, call: SimpleNamespace, broken: aiohttp.TraceRequestExceptionParams) -> None:
    if (span := getattr(call, "span", None)) is None:
        return
    span.set("error.type", type(broken.exception).__name__)
    # One that nobody waits for any more has not failed.
    if isinstance(broken.exception, Exception):
        span.fail(broken.exception)
    span.end()


def shown(url: URL) -> URL:
    """The address without what may be secret or content: user, password, query, fragment."""
    return url.with_user(None).with_query(None).with_fragment(None)
