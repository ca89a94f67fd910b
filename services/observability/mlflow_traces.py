"""Finds and deletes traces in MLflow by its API."""

from collections.abc import Sequence
from typing import Any

import aiohttp

from observability.samples import Unreachable

PAGE = 500
# MLflow deletes at most so many at once.
DELETED_AT_ONCE = 100
# MLflow gives traces page by page, which takes a few milliseconds for each: more are not looked at one by one.
MOST_TRACES = 200_000
TIMEOUT_S = 30.0


class MlflowTraces:
    """The traces of one experiment. Every call raises Unreachable when MLflow does not answer as it should."""

    def __init__(self, session: aiohttp.ClientSession, url: str, experiment: str) -> None:
        self._session = session
        self._base = url.rstrip("/")
        self._name = experiment
        self._number: str | None = None

    async def found(self, condition: str, most: int = MOST_TRACES) -> list[str]:
        """Ids of the traces that fit a condition in MLflow's words, such as "tags.`a` = 'b'"."""
        number = await self._experiment()
        wanted: dict[str, Any] = {
            "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": number}}],
            "filter": condition,
            "max_results": PAGE,
        }
        ids: list[str] = []
        while True:
            page = await self._json("POST", "/api/3.0/mlflow/traces/search", wanted)
            ids += [trace["trace_id"] for trace in page.get("traces", [])]
            if len(ids) > most:
                raise Unreachable(f"MLflow at {self._base} has more than {most:,} such traces: ask for fewer")
            if not page.get("next_page_token"):
                return ids
            wanted["page_token"] = page["next_page_token"]

    async def delete(self, ids: Sequence[str]) -> int:
        """How many of them were there and are deleted."""
        deleted = 0
        for start in range(0, len(ids), DELETED_AT_ONCE):
            body = {
                "experiment_id": await self._experiment(),
                "request_ids": list(ids[start : start + DELETED_AT_ONCE]),
            }
            deleted += int((await self._json("POST", _DELETE, body)).get("traces_deleted", 0))
        return deleted

    async def delete_before(self, unix_ms: int) -> int:
        """Delete what began before that time, a part at a time; how many that were."""
        deleted = 0
        while True:
            body = {
                "experiment_id": await self._experiment(),
                "max_timestamp_millis": unix_ms,
                "max_traces": DELETED_AT_ONCE,
            }
            some = int((await self._json("POST", _DELETE, body)).get("traces_deleted", 0))
            deleted += some
            if some < DELETED_AT_ONCE:
                return deleted

    async def _experiment(self) -> str:
        if self._number is None:
            path = f"/api/2.0/mlflow/experiments/get-by-name?experiment_name={self._name}"
            self._number = str((await self._json("GET", path))["experiment"]["experiment_id"])
        return self._number

    async def _json(self, method: str, path: str, body: Any = None) -> Any:
        url = self._base + path
        try:
            async with self._session.request(
                method, url, json=body, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)
            ) as response:
                answer = await response.json(content_type=None)
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(f"MLflow does not answer at {url} ({type(error).__name__})") from None
        if status != 200:
            raise Unreachable(f"MLflow answers {status} at {url}: {str(answer)[:200]}")
        return answer


_DELETE = "/api/2.0/mlflow/traces/delete-traces"
