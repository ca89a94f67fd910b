"""The pod's own identity at Azure (workload identity): its token instead of a key."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from common.logs import get_logger
from common.metrics import counter
from llm_proxy.http_client import fetch
from llm_proxy.keys import Key

log = get_logger("identity")
FAILURES = counter("pool_identity_failures_total", "Tokens of the pod's identity that could not be had")

SCOPE = "https://cognitiveservices.azure.com/.default"
AUTHORITY = "https://login.microsoftonline.com/"
# Fetched again so long before the old one ends, so that an outage of the authority is not felt.
EARLY_S = 600.0
RETRY_S = float(os.environ.get("FAIRLEAD_IDENTITY_RETRY_S", "10"))
TIMEOUT_S = 10.0


class Identity:
    """Exchanges the token that Kubernetes projects into the pod for one of Azure; see its workload identity docs."""

    def __init__(
        self, environment: Mapping[str, str] = os.environ, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._environment = environment
        self._clock = clock
        self._token: str | None = None
        self._due_at = 0.0

    async def refresh(self, keys: list[Key]) -> list[Key]:
        """Give the keys that wait for it the token in force; those that changed. A failure keeps the old token."""
        if not keys:
            return []
        if self._clock() >= self._due_at:
            try:
                self._token, lives_s = await self._fetch()
                self._due_at = self._clock() + max(RETRY_S, lives_s - EARLY_S)
            except (OSError, ValueError, KeyError, TypeError) as error:
                FAILURES.inc()
                log.error("identity_refused", error=type(error).__name__)
                self._due_at = self._clock() + RETRY_S
        token = self._token
        return [] if token is None else [key for key in keys if key.take(token)]

    async def _fetch(self) -> tuple[str, float]:
        given = self._environment
        authority = given.get("AZURE_AUTHORITY_HOST", AUTHORITY).rstrip("/")
        form = {
            "client_id": given["AZURE_CLIENT_ID"],
            "scope": SCOPE,
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": await asyncio.to_thread(_read, Path(given["AZURE_FEDERATED_TOKEN_FILE"])),
        }
        url = f"{authority}/{given['AZURE_TENANT_ID']}/oauth2/v2.0/token"
        content: dict[str, Any] = json.loads(await fetch(url, headers={}, within_s=TIMEOUT_S, form=form))
        return str(content["access_token"]), float(content["expires_in"])


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
