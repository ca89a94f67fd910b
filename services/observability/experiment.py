"""The experiment for traces in an MLflow that is reached over the network: made, named, and given its saved views.

MLflow's first experiment has the number 0 from the beginning. It is given the name, so that collectors and links need
no look-up: they know the number before MLflow itself is up.
"""

import asyncio
import time
from typing import Any

import aiohttp

from common.mlflow_access import MlflowAccess
from common.trace_experiment import NAME, tags
from observability.samples import Unreachable

API = "/api/2.0/mlflow/experiments"
UNNAMED = "Default"
TIMEOUT_S = 30.0
RETRY_S = 2.0
_WILL_PASS = (429, 502, 503, 504)


class WrongExperiment(Exception):
    """Traces would go elsewhere; the message says what to set."""


async def ensure(url: str, number: str, access: MlflowAccess, wait_s: float) -> None:
    """Have the experiment `fairlead` under that number. Raises Unreachable, and WrongExperiment when it has another."""
    async with aiohttp.ClientSession(headers=access.headers(), trust_env=False) as session:
        mlflow = _Api(session, url.rstrip("/") + API)
        await mlflow.wait(time.monotonic() + wait_s)
        found = await mlflow.named(NAME)
        if found is None:
            found = await mlflow.numbered(number)
            if found is None or found["name"] != UNNAMED:
                there = "does not exist" if found is None else f"is called {found['name']}"
                raise WrongExperiment(
                    f"MLflow has no experiment {NAME}, and number {number} {there}: make one named {NAME} and give its "
                    "number to this command and to the trace collector"
                )
            await mlflow.call("POST", "/update", {"experiment_id": number, "new_name": NAME})
        elif found["experiment_id"] != number:
            raise WrongExperiment(
                f"MLflow's experiment {NAME} has the number {found['experiment_id']}, not {number}: give that number "
                "to this command and to the trace collector"
            )
        if found.get("lifecycle_stage") == "deleted":
            await mlflow.call("POST", "/restore", {"experiment_id": number})
        there = {tag["key"] for tag in found.get("tags", [])}
        for key, value in tags().items():
            # What somebody changed stays.
            if key not in there:
                await mlflow.call("POST", "/set-experiment-tag", {"experiment_id": number, "key": key, "value": value})


class _Api:
    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self._session = session
        self._base = base

    async def wait(self, deadline: float) -> None:
        """Until it answers at all."""
        while True:
            try:
                status, _ = await self._request("GET", f"/get-by-name?experiment_name={NAME}")
            except Unreachable:
                if time.monotonic() > deadline:
                    raise
            else:
                if status not in _WILL_PASS or time.monotonic() > deadline:
                    return
            await asyncio.sleep(RETRY_S)

    async def named(self, name: str) -> dict[str, Any] | None:
        return await self._one(f"/get-by-name?experiment_name={name}")

    async def numbered(self, number: str) -> dict[str, Any] | None:
        return await self._one(f"/get?experiment_id={number}")

    async def call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        status, answer = await self._request(method, path, body)
        if status != 200:
            raise Unreachable(f"MLflow answers {status} at {self._base}{path}: {str(answer)[:200]}")
        return answer

    async def _one(self, path: str) -> dict[str, Any] | None:
        status, answer = await self._request("GET", path)
        if status == 404:
            return None
        if status != 200:
            raise Unreachable(f"MLflow answers {status} at {self._base}{path}: {str(answer)[:200]}")
        return answer["experiment"]

    async def _request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        url, timeout = self._base + path, aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with self._session.request(method, url, json=body, timeout=timeout) as response:
                text = await response.text()
                if response.content_type == "application/json":
                    return response.status, await response.json()
                return response.status, text
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(f"MLflow does not answer at {url} ({type(error).__name__})") from None
