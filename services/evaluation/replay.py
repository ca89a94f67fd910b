"""Asks the questions of stored traces again, and compares what comes of them."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp

from evaluation import platform
from evaluation.stored_trace import StoredTrace, TraceError, parsed
from evaluation.trace_diff import Difference

# An answer may take as long as the platform lets it; its trace is stored a few seconds later.
ANSWER_S = 180.0
STORED_S = 60.0
LOOK_EVERY_S = 0.3
REQUEST_S = 30.0
PAGE = 100
TRACE_ID_DIGITS = 32


@dataclass(frozen=True)
class Where:
    """The platform to ask (base URL without `/v1`), its key, and the MLflow with the traces."""

    url: str
    key: str | None
    mlflow: str
    experiment: str


class Replay:
    """Raises TraceError, with what is wrong, from every call."""

    def __init__(self, session: aiohttp.ClientSession, where: Where) -> None:
        self._session = session
        self._where = where

    async def again(self, trace_id: str) -> Difference:
        """Ask the question of a stored trace again and wait for the new trace."""
        then = await self.trace(trace_id)
        headers = {"authorization": f"Bearer {self._where.key}"} if self._where.key else {}
        url = f"{self._where.url.rstrip('/')}/v1/chat/completions"
        status, answer = await self._call("POST", url, ANSWER_S, json={**then.request}, headers=headers)
        if status != 200:
            reason = cast("dict[str, Any]", answer).get("error", {}).get("message", f"HTTP {status}")
            raise TraceError(f"{trace_id} cannot be asked again: {reason}")
        return Difference(then, await self._stored(str(answer["trace_id"])))

    async def trace(self, trace_id: str) -> StoredTrace:
        """A stored trace, by its id with or without MLflow's `tr-`."""
        plain = trace_id.removeprefix("tr-").lower()
        if len(plain) != TRACE_ID_DIGITS or not all(char in "0123456789abcdef" for char in plain):
            raise TraceError(f"{trace_id} is no trace id: it has {TRACE_ID_DIGITS} hexadecimal digits")
        url = f"{self._where.mlflow.rstrip('/')}/api/3.0/mlflow/traces/get?trace_id=tr-{plain}"
        status, found = await self._call("GET", url, REQUEST_S)
        if status != 200:
            raise TraceError(f"{trace_id} is not in MLflow at {self._where.mlflow} (HTTP {status})")
        return parsed(found["trace"])

    async def chosen(self, condition: str, most: int) -> list[str]:
        """The newest traces of answers that fit a condition in MLflow's words."""
        base, number = self._where.mlflow.rstrip("/"), await self.experiment()
        body: dict[str, Any] = {
            "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": number}}],
            "filter": condition,
            "max_results": min(most, PAGE),
            "order_by": ["timestamp_ms DESC"],
        }
        ids: list[str] = []
        while len(ids) < most:
            status, page = await self._call("POST", f"{base}/api/3.0/mlflow/traces/search", REQUEST_S, json=body)
            if status != 200:
                raise TraceError(f"MLflow does not take --where: {str(page)[:200]}")
            ids += [trace["trace_id"] for trace in page.get("traces", [])]
            if not page.get("next_page_token"):
                break
            body["page_token"] = page["next_page_token"]
        return ids[:most]

    async def experiment(self) -> str:
        """The number of the experiment."""
        base = self._where.mlflow.rstrip("/")
        url = f"{base}/api/2.0/mlflow/experiments/get-by-name?experiment_name={self._where.experiment}"
        status, found = await self._call("GET", url, REQUEST_S)
        if status != 200:
            raise TraceError(f"MLflow at {base} has no experiment {self._where.experiment} (HTTP {status})")
        return str(found["experiment"]["experiment_id"])

    async def _stored(self, trace_id: str) -> StoredTrace:
        try:
            async with asyncio.timeout(STORED_S):
                while True:
                    try:
                        return await self.trace(trace_id)
                    except TraceError:
                        await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise TraceError(f"the new trace {trace_id} did not come into MLflow within {STORED_S:.0f} s") from None

    async def _call(self, method: str, url: str, limit_s: float, **given: Any) -> tuple[int, Any]:
        try:
            timeout = aiohttp.ClientTimeout(total=limit_s)
            async with self._session.request(method, url, timeout=timeout, **given) as response:
                return response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise TraceError(f"{url} cannot be asked: {error or type(error).__name__}") from None


@asynccontextmanager
async def replay(where: Where) -> AsyncGenerator[Replay]:
    """For as long as the context is open."""
    async with aiohttp.ClientSession(trust_env=False) as session:
        yield Replay(session, where)


@asynccontextmanager
async def own_orchestrator(config: Path, where: Where, folder: Path) -> AsyncGenerator[Where]:
    """The same platform with other tunables: an orchestrator of our own beside it, on the same data.

    The environment must say where database, files and pool are, as `python -m standalone exec` does.
    """
    async with replay(where) as asking:
        number = await asking.experiment()
    environment = {
        "FAIRLEAD_CONFIG_FILE": str(config),
        "FAIRLEAD_LAST_GOOD_DIR": str(folder / "last-good"),
        "FAIRLEAD_OTLP_ENDPOINT": f"{where.mlflow.rstrip('/')}/v1/traces",
        "FAIRLEAD_OTLP_HEADERS": f"x-mlflow-experiment-id={number}",
    }
    started = platform.service("orchestrator", folder, environment)
    url = await asyncio.to_thread(started.__enter__)
    try:
        yield Where(url, where.key, where.mlflow, where.experiment)
    finally:
        await asyncio.to_thread(started.__exit__, None, None, None)


async def all_again(asking: Replay, ids: Sequence[str]) -> AsyncGenerator[tuple[str, Difference | TraceError]]:
    """One after the other, so that times can be compared."""
    for trace_id in ids:
        try:
            yield trace_id, await asking.again(trace_id)
        except TraceError as error:
            yield trace_id, error
