"""Overview: does the platform keep its promises, and if not, where to look."""

from observability.dashboards.panel import Dashboard, Panel, Query, Row
from observability.dashboards.promql import NAMESPACE, or_zero, quantile, rate, series, share, total
from observability.objectives import ANSWERS, FIRST_TEXT, FIRST_TEXT_S, Objective

WINDOWS = ("5m", "1h", "6h", "3d")
FIRING = 'alertstate="firing"'
FAST_BURN = 14.4
"""At this pace a thirtieth of a month's budget is gone in an hour (The Site Reliability Workbook, ch. 5)."""


def _recorded(rule: str) -> str:
    return f"{rule}{{{NAMESPACE}}}"


def _kept(objective: Objective) -> Panel:
    ratio = _recorded(f"fairlead:{objective.name}:error_ratio_rate3d")
    return Panel(
        f"{objective.title}, 3 days",
        "percentunit",
        f"The promise is {objective.good:.0%}. Answers that were cancelled by the client, and questions that could "
        f"not be "
        "asked, do not count. Empty while nothing was asked.",
        (Query(f"1 - max({ratio})", "kept"),),
        kind="number",
        at_least=objective.good,
    )


def _burn(objective: Objective) -> Panel:
    queries = tuple(
        Query(f"max({_recorded(f'fairlead:{objective.name}:error_ratio_rate{window}')}) / {objective.budget:g}", window)
        for window in WINDOWS
    )
    return Panel(
        f"Burn of the error budget: {objective.title[0].lower()}{objective.title[1:]}",
        "none",
        f"1 uses up exactly what {objective.good:.0%} allows. {FAST_BURN} over an hour and over five minutes is an "
        "incident; 1 over three days a debt. Look at Answer path next.",
        queries,
        at_most=FAST_BURN,
    )


ERRORS = total(rate("fairlead_http_requests_total", 'status=~"5.."'), "service")
REQUESTS = total(rate("fairlead_http_requests_total"), "service")

OVERVIEW = Dashboard(
    "overview",
    "Fairlead: Overview",
    "platform",
    "Does the platform keep its promises? Everything else is one click further.",
    (
        Row(
            "Promises",
            (
                _kept(ANSWERS),
                _kept(FIRST_TEXT),
                Panel(
                    "Alerts that fire",
                    "short",
                    "Each has a runbook. 0 is quiet; it is also 0 where no rules are loaded, so see Telemetry health.",
                    (Query(or_zero(f"count({series('ALERTS', FIRING)})"), "firing"),),
                    kind="number",
                    at_most=1,
                ),
                Panel(
                    "Instances that report",
                    "short",
                    "Processes of each service whose metrics are read now.",
                    (Query(f"count by (service) ({series('fairlead_build_info')})", "{{service}}"),),
                    kind="number",
                    at_least=1,
                ),
                _burn(ANSWERS),
                _burn(FIRST_TEXT),
            ),
        ),
        Row(
            "Traffic",
            (
                Panel(
                    "Questions by what became of them",
                    "reqps",
                    "answered and not_answered are good: not_answered says honestly that the documents do not tell. "
                    "degraded, failed and refused use up the error budget.",
                    (Query(total(rate("fairlead_answers_total"), "outcome"), "{{outcome}}"),),
                ),
                Panel(
                    "Time to the first text",
                    "s",
                    f"From the question to the first words of its answer. Promised: {FIRST_TEXT_S:g} s for "
                    f"{FIRST_TEXT.good:.0%}. A diamond is one answer; it leads to its trace.",
                    tuple(
                        Query(quantile(q, "fairlead_answer_first_text_seconds"), f"p{q * 100:g}") for q in (0.5, 0.95)
                    ),
                    traced=True,
                    at_most=FIRST_TEXT_S,
                ),
                Panel(
                    "Requests by service",
                    "reqps",
                    "All requests that services answer, those of probes and of Prometheus included.",
                    (Query(REQUESTS, "{{service}}"),),
                ),
                Panel(
                    "Share of requests that failed (5xx)",
                    "percentunit",
                    "By service. A 503 of the orchestrator with a sound pool points to the database.",
                    (Query(f"({ERRORS} or 0 * {REQUESTS}) / ({REQUESTS} > 0)", "{{service}}"),),
                    at_most=0.01,
                ),
            ),
        ),
        Row(
            "Health",
            (
                Panel(
                    "Dependencies that are down",
                    "short",
                    "1: the last deep health check (`/healthz`) of the service did not reach it.",
                    (
                        Query(
                            f"1 - min by (service, dependency) ({series('fairlead_dependency_up')})",
                            "{{service}} → {{dependency}}",
                        ),
                    ),
                    at_most=1,
                ),
                Panel(
                    "Cost per hour",
                    "none",
                    "What the pool's models cost by its price table, in its currency; 0 where there is no price table.",
                    (Query(or_zero(f"3600 * {total(rate('fairlead_pool_cost_total'), 'currency')}"), "{{currency}}"),),
                ),
                Panel(
                    "Thumbs down",
                    "percentunit",
                    "Share of thumbs, over a day. Few judge, so look at the words (Feedback and quality) before the "
                    "number.",
                    (
                        Query(
                            share(
                                total(rate("fairlead_feedback_total", 'value="down"', window="1d")),
                                total(rate("fairlead_feedback_total", 'value=~"up|down"', window="1d")),
                            ),
                            "down",
                        ),
                    ),
                    at_most=0.3,
                ),
                Panel(
                    "Files waiting to be indexed",
                    "short",
                    "todo and doing fall while the worker keeps up; failed jobs wait for a person. See Ingestion.",
                    (Query(f"max by (state) ({series('fairlead_ingest_queue_jobs')})", "{{state}}"),),
                ),
            ),
        ),
    ),
)
