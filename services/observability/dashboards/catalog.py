"""All dashboards, in the order in which a person looks at them."""

from observability.dashboards.answer_path import ANSWER_PATH
from observability.dashboards.capacity import CAPACITY
from observability.dashboards.feedback import FEEDBACK
from observability.dashboards.ingestion import INGESTION
from observability.dashboards.llm_pool import LLM_POOL
from observability.dashboards.overview import OVERVIEW
from observability.dashboards.panel import Dashboard
from observability.dashboards.releases import RELEASES
from observability.dashboards.retrieval import RETRIEVAL
from observability.dashboards.telemetry_health import TELEMETRY_HEALTH

DASHBOARDS: tuple[Dashboard, ...] = (
    OVERVIEW,
    ANSWER_PATH,
    RETRIEVAL,
    LLM_POOL,
    INGESTION,
    FEEDBACK,
    CAPACITY,
    TELEMETRY_HEALTH,
    RELEASES,
)


def path(dashboard: Dashboard) -> str:
    """Where its JSON is, from the root of the repository."""
    return f"charts/{dashboard.chart}/dashboards/{dashboard.name}.json"
