"""Shows in the metrics how full the pool is, once a second: calls in flight, use of limits, who waits, what is left."""

import time

from common.metrics import OTHER, gauge
from llm_proxy.accounts import Account
from llm_proxy.config import Callers as CallerSettings
from llm_proxy.plan import Plan
from llm_proxy.state import BREAKER, KEY_OUT

IN_FLIGHT = gauge("pool_endpoint_calls_open", "Calls that an endpoint is answering", ["model", "endpoint"], sum=True)
USE = gauge(
    "pool_endpoint_use_ratio", "How full the fullest of an endpoint's configured limits is", ["model", "endpoint"]
)
WAITING = gauge("pool_requests_waiting", "Requests that wait for an endpoint with room", ["model", "lane"], sum=True)
BUDGET = gauge(
    "pool_budget_used_ratio",
    "Share of its budget that a caller has used in the period that runs; of several callers in one series the highest",
    ["tenant", "key"],
)


class PoolState:
    """What was shown last, so that what a new configuration no longer has is taken away."""

    def __init__(self) -> None:
        self._endpoints: set[tuple[str, str]] = set()
        self._models: set[str] = set()
        self._budgets: set[tuple[str, str]] = set()

    def show(self, plan: Plan, now: float | None = None) -> None:
        """Endpoints and queues."""
        now = time.monotonic() if now is None else now
        endpoints: set[tuple[str, str]] = set()
        for name, model in plan.models.items():
            WAITING.labels(name, "interactive").set(len(model.state.interactive))
            WAITING.labels(name, "batch").set(len(model.state.batch))
            for endpoint in model.endpoints:
                place = (name, endpoint.name)
                endpoints.add(place)
                IN_FLIGHT.labels(*place).set(endpoint.state.in_flight)
                USE.labels(*place).set(endpoint.state.use(now))
        for place in self._endpoints - endpoints:
            for shown in (IN_FLIGHT, USE, BREAKER, KEY_OUT):
                shown.remove(*place)
        for name in self._models - set(plan.models):
            WAITING.remove_by_labels({"model": name})
        self._endpoints, self._models = endpoints, set(plan.models)

    def show_budgets(self, accounts: list[Account]) -> None:
        """Callers' budgets, as this process knows them: what others spent since its last draw comes with the next."""
        used: dict[tuple[str, str], float] = {}
        for account in accounts:
            if account.spend is not None:
                share = account.spend.used / account.spend.limit
                used[account.labels] = max(used.get(account.labels, 0.0), share)
        for labels, share in used.items():
            BUDGET.labels(*labels).set(share)
        for labels in self._budgets - set(used):
            BUDGET.remove(*labels)
        self._budgets = set(used)


def labels_of(tenant: str, key_id: str, key_name: str, callers: CallerSettings) -> tuple[str, str]:
    """Tenant and key as far as the configuration names them; a key goes by the name that the configuration uses."""
    key = next((name for name in (key_id, key_name) if name in callers.keys), OTHER)
    return tenant if tenant in callers.tenants else OTHER, key
