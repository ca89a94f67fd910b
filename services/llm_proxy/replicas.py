"""How many copies of the pool are alive: among them the endpoints' limits are split."""

import asyncio
import json
from typing import Any, cast
from urllib.parse import urlencode

from common.api_server import ApiServer
from common.logs import get_logger
from common.metrics import counter, gauge
from llm_proxy.config import Replicas
from llm_proxy.http_client import fetch

log = get_logger("replicas")
ALIVE = gauge("pool_replicas", "Copies of the pool among which limits are split")
FAILURES = counter("pool_replicas_failures_total", "Counts of replicas that failed; the last count stays")

COUNT_EVERY_S = 5.0
TIMEOUT_S = 4.0
LARGEST_ANSWER = 16 * 1024 * 1024


async def alive(settings: Replicas, server: ApiServer | None) -> int:
    """The count now: pods of the Service that are ready, else the configured number.

    Raises OSError or ValueError when the API server does not tell.
    """
    if settings.service is None or server is None:
        return settings.count
    # Read afresh each time: Kubernetes rotates the token.
    token = await asyncio.to_thread(server.token)
    namespace = settings.namespace or await asyncio.to_thread(server.namespace)
    context = await asyncio.to_thread(server.tls)
    query = urlencode({"labelSelector": f"kubernetes.io/service-name={settings.service}"})
    url = f"{server.url}/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?{query}"
    answer = await fetch(url, headers={"authorization": f"Bearer {token}"}, within_s=TIMEOUT_S, tls=context)
    return ready(json.loads(answer))


def ready(slices: Any) -> int:
    """Pods that are ready in a list of EndpointSlices, at least 1: oneself. Raises ValueError for anything else."""
    try:
        pods = {
            (endpoint.get("targetRef") or {}).get("uid") or endpoint["addresses"][0]
            for one in slices["items"]
            for endpoint in cast(list[dict[str, Any]], one.get("endpoints") or [])
            # A missing condition means ready, says the API's reference.
            if (endpoint.get("conditions") or {}).get("ready") is not False
        }
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError("not a list of EndpointSlices") from error
    return max(1, len(pods))


class ReplicaCount:
    """The count that is in force; a failed look changes nothing."""

    def __init__(self, server: ApiServer | None) -> None:
        self._server = server
        self.count = 1
        self._known = False

    async def look(self, settings: Replicas) -> int:
        """Count again."""
        try:
            self.count = await alive(settings, self._server)
            self._known = True
        except (OSError, ValueError) as error:
            FAILURES.inc()
            log.warning("replicas_not_counted", error=type(error).__name__, kept=self.count)
            if not self._known:
                self.count = settings.count
        ALIVE.set(self.count)
        return self.count
