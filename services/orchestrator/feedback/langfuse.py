"""Langfuse's scores over its public API: feedback beside the trace it is about."""

from typing import Any

import aiohttp

from orchestrator.feedback.forwarder import Assessment, Never, NotYet
from orchestrator.feedback.mlflow import NAME

TIMEOUT_S = 5.0


class LangfuseScores:
    """Creates scores in the Langfuse at `url`; `keys` is `public key:secret key` of the project.

    A score that comes with an id it already has takes the place of that one, so feedback keeps its own id there. The
    trace need not have arrived. Source: Langfuse's API reference, POST /api/public/scores.
    """

    def __init__(self, url: str, keys: str) -> None:
        self._url = f"{url.rstrip('/')}/api/public/scores"
        public, _, secret = keys.partition(":")
        self._auth = aiohttp.BasicAuth(public, secret)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "LangfuseScores":
        self._session = aiohttp.ClientSession(
            auth=self._auth, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), trust_env=False
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def put(self, assessment: Assessment) -> None:
        """See Assessments."""
        if self._session is None:
            raise RuntimeError("LangfuseScores is used outside its `async with`")
        try:
            async with self._session.post(self._url, json=_body(assessment)) as response:
                await response.read()
                status = response.status
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise NotYet(type(error).__name__) from error
        if status < 300:
            return
        # A key that is refused may be mended, a body that is not understood will never be.
        if status in (400, 404, 405, 413, 422):
            raise Never(f"HTTP {status}")
        raise NotYet(f"HTTP {status}")


def _body(assessment: Assessment) -> dict[str, Any]:
    thumb = isinstance(assessment.value, bool)
    body: dict[str, Any] = {
        "id": assessment.id,
        "traceId": assessment.trace_id,
        "name": NAME,
        "value": int(assessment.value) if thumb else assessment.value,
        "dataType": "BOOLEAN" if thumb else "NUMERIC",
    }
    if assessment.rationale is not None:
        body["comment"] = assessment.rationale
    return body
