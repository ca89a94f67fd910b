"""The few HTTP requests that the start-up itself makes, to this machine alone and past any proxy."""

import asyncio
import http.client
import json
from collections.abc import Mapping
from typing import Any

TIMEOUT_S = 5.0


async def request(
    port: int, path: str, body: Any = None, headers: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
) -> tuple[int, Any]:
    """GET, or POST of a JSON body: the status and the decoded answer. OSError when nobody answers in time."""
    status, answer, _ = await exchange(port, path, body, headers, timeout_s)
    return status, answer


async def exchange(
    port: int, path: str, body: Any = None, headers: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S
) -> tuple[int, Any, Mapping[str, str]]:
    """As `request`, and the answer's headers by their lower-case names."""
    return await asyncio.to_thread(_request, port, path, body, headers or {}, timeout_s)


async def answers(port: int, path: str) -> bool:
    """Whether a GET there is answered with 200."""
    try:
        status, _ = await request(port, path)
    except OSError:
        return False
    return status == 200


def _request(
    port: int, path: str, body: Any, headers: Mapping[str, str], timeout_s: float
) -> tuple[int, Any, Mapping[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        if body is None:
            connection.request("GET", path, headers=dict(headers))
        else:
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **headers})
        response = connection.getresponse()
        text = response.read()
        given = {name.lower(): value for name, value in response.getheaders()}
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
    try:
        return response.status, json.loads(text), given
    except ValueError:
        return response.status, text.decode("utf-8", errors="replace"), given
