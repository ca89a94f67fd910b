"""What answers and searches cost, by tenant: the pool's prices for what its models were asked on their behalf."""

from common import exemplars
from common.metrics import OTHER, counter, histogram, powers
from common.spending import Spending
from common.telemetry import Span
from orchestrator.pipeline.ask import Ask
from orchestrator.tunables import OrchestratorTunables

COST = counter(
    "cost_total",
    "Cost of answers and searches by the pool's price table, in its currency; tenants that no quota names are `other`",
    ["tenant", "currency"],
)
ANSWER_COST = histogram(
    "answer_cost", "Cost of one answer by the pool's price table, in its currency", ["currency"], powers(-10, 3, base=4)
)


def of_answer(ask: Ask, spent: Spending, root: Span) -> None:
    """Count an answer, whatever became of it, and tell its trace."""
    if not spent.currency:
        return
    root.set("fairlead.cost", spent.cost)
    root.set("gen_ai.usage.cost", spent.cost)  # where Langfuse looks
    root.set("fairlead.cost.currency", spent.currency)
    ANSWER_COST.labels(spent.currency).observe(spent.cost, exemplars.current())
    _count(ask.caller.tenant, ask.config.value, spent)


def of_search(tenant: str, tunables: OrchestratorTunables, spent: Spending) -> None:
    """Count a search."""
    if spent.currency:
        _count(tenant, tunables, spent)


def _count(tenant: str, tunables: OrchestratorTunables, spent: Spending) -> None:
    COST.labels(tenant if tunables.names_tenant(tenant) else OTHER, spent.currency).inc(spent.cost)
