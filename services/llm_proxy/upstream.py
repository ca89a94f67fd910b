"""One call to one endpoint: what is sent, and what its answer means for the caller and for the endpoint."""

import asyncio
import email.utils
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import aiohttp

from common.deadline import Deadline
from llm_proxy.config import Endpoint, Timeouts

Outcome = Literal["network", "server_error", "limited", "timeout", "key_refused", "key_missing"]
# Waits longer than this are not believed: a broken clock must not set an endpoint aside for a day.
LONGEST_RETRY_AFTER_S = 600.0
DEFAULT_RETRY_AFTER_S = 1.0
# What of an answer's headers reaches the caller.
PASSED_BACK = ("content-type", "x-request-id", "openai-processing-ms", "openai-model")


@dataclass(frozen=True)
class Failed(Exception):
    """The endpoint gave no answer that the caller should see."""

    outcome: Outcome
    detail: str
    retry_after_s: float = DEFAULT_RETRY_AFTER_S


@dataclass(frozen=True)
class Call:
    """A caller's request, ready to be sent to any endpoint."""

    path: str
    headers: Mapping[str, str]
    timeouts: Timeouts
    deadline: Deadline


async def send(session: aiohttp.ClientSession, call: Call, endpoint: Endpoint, body: bytes) -> aiohttp.ClientResponse:
    """The endpoint's answer up to its headers: a success, or a refusal of the request itself. Raises Failed."""
    try:
        url, headers = _addressed(endpoint, call.path)
    except LookupError as error:
        raise Failed("key_missing", str(error)) from None
    limit = min(call.timeouts.first_token_s, call.deadline.remaining())
    headers = {**call.headers, **headers, **call.deadline.header()}
    try:
        response = await asyncio.wait_for(session.post(url, data=body, headers=headers), limit)
    except TimeoutError:
        raise Failed("timeout", f"no answer within {limit:.1f} s") from None
    except (aiohttp.ClientError, OSError) as error:
        raise Failed("network", type(error).__name__) from None
    if response.status < 400 or response.status in (400, 404, 405, 409, 413, 415, 422):
        return response
    response.close()
    if response.status == 429:
        raise Failed("limited", "HTTP 429", retry_after(response.headers))
    if response.status in (401, 403):
        raise Failed("key_refused", f"HTTP {response.status}")
    raise Failed("server_error", f"HTTP {response.status}", retry_after(response.headers))


def _addressed(endpoint: Endpoint, path: str) -> tuple[str, dict[str, str]]:
    key = endpoint.key.read() if endpoint.key else None
    if endpoint.kind == "azure":
        version = endpoint.api_version or "2024-10-21"
        url = f"{endpoint.url}/openai/deployments/{endpoint.model}{path}?api-version={version}"
        return url, {"api-key": key} if key else {}
    return endpoint.url + path, {"authorization": f"Bearer {key}"} if key else {}


def retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the endpoint asks to be left alone: milliseconds, seconds or a date; a default when it is silent."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            seconds = float(milliseconds) / 1000
        elif given := headers.get("retry-after"):
            seconds = float(given) if _is_number(given) else _until(given)
        else:
            seconds = DEFAULT_RETRY_AFTER_S
    except (ValueError, TypeError):
        seconds = DEFAULT_RETRY_AFTER_S
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def _is_number(text: str) -> bool:
    return text.strip().replace(".", "", 1).isdigit()


def _until(date: str) -> float:
    return email.utils.parsedate_to_datetime(date).timestamp() - time.time()
