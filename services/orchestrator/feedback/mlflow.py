"""MLflow's assessments over its REST API: feedback beside the trace it is about."""

from datetime import UTC, datetime
from typing import Any

import aiohttp

from common.mlflow_access import MlflowAccess
from orchestrator.feedback.forwarder import Assessment, Never, NotYet

NAME = "user_feedback"
TIMEOUT_S = 5.0
# MLflow answers these for what no retry can mend; a missing trace (404) may still come.
_FOR_GOOD = (400, 405, 409, 413, 422)


class MlflowAssessments:
    """Creates and updates assessments of the traces in the MLflow server at `url`.

    MLflow lets the caller choose an assessment's id, so feedback keeps its own there, and putting it twice changes
    nothing. A trace is called `tr-` and the OpenTelemetry id there.
    """

    def __init__(self, url: str, access: MlflowAccess | None = None) -> None:
        self._base = f"{url.rstrip('/')}/api/3.0/mlflow/traces"
        self._access = access or MlflowAccess()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "MlflowAssessments":
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def put(self, assessment: Assessment) -> None:
        """See Assessments."""
        address = f"{self._base}/tr-{assessment.trace_id}/assessments"
        body = {"assessment": _body(assessment)}
        if await self._call("GET", f"{address}/{assessment.id}", None) == 200:
            changed = {**body, "update_mask": "feedback,rationale,metadata"}
            status = await self._call("PATCH", f"{address}/{assessment.id}", changed)
        else:
            status = await self._call("POST", address, body)
        if status == 200:
            return
        if status in _FOR_GOOD:
            raise Never(f"HTTP {status}")
        raise NotYet(f"HTTP {status}")

    async def _call(self, method: str, address: str, body: dict[str, Any] | None) -> int:
        if self._session is None:
            raise RuntimeError("MlflowAssessments is used outside its `async with`")
        try:
            headers = self._access.headers()
            async with self._session.request(method, address, json=body, headers=headers) as response:
                await response.read()
                return response.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise NotYet(type(error).__name__) from None


def _body(assessment: Assessment) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    body: dict[str, Any] = {
        "assessment_id": assessment.id,
        "assessment_name": NAME,
        "trace_id": f"tr-{assessment.trace_id}",
        "source": {"source_type": "HUMAN", "source_id": assessment.user or assessment.author},
        "create_time": now,
        "last_update_time": now,
        "feedback": {"value": assessment.value},
        "metadata": {"feedback_id": assessment.id, "revision": str(assessment.revision)},
    }
    if assessment.rationale:
        body["rationale"] = assessment.rationale
    return body
