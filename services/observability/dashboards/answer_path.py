"""Answer path: where the time of an answer goes, and which steps could not do their part."""

from observability.dashboards.panel import Dashboard, Panel, Query, Row
from observability.dashboards.promql import mean, or_zero, quantile, rate, series, share, total
from observability.objectives import BAD, COUNTED, FIRST_TEXT_S

QUANTILES = (0.5, 0.95, 0.99)
ANSWERED = total(rate("fairlead_answers_total", COUNTED))
ROUTED = total(rate("fairlead_http_requests_total", 'service="orchestrator"'), "route")
ROUTE_ERRORS = total(rate("fairlead_http_requests_total", 'service="orchestrator"', 'status=~"5.."'), "route")

ANSWER_PATH = Dashboard(
    "answer-path",
    "Fairlead: Answer path",
    "orchestrator",
    "Where the time of an answer goes, step by step, and what happens when a step fails.",
    (
        Row(
            "Answers",
            (
                Panel(
                    "Answers by outcome",
                    "reqps",
                    "rejected could not be asked (too long, unknown store); refused came when too many were being "
                    "answered; cancelled lost their client.",
                    (Query(total(rate("fairlead_answers_total"), "outcome"), "{{outcome}}"),),
                ),
                Panel(
                    "Share of answers that were degraded, failed or refused",
                    "percentunit",
                    "What the error budget pays for.",
                    (Query(share(total(rate("fairlead_answers_total", BAD)), ANSWERED), "bad"),),
                    at_most=0.01,
                ),
                Panel(
                    "Time to the first text",
                    "s",
                    "As whoever asked sees it: searching, ranking and the model's own first word. A diamond is one "
                    "answer; "
                    "it leads to its trace.",
                    tuple(Query(quantile(q, "fairlead_answer_first_text_seconds"), f"p{q * 100:g}") for q in QUANTILES),
                    traced=True,
                    at_most=FIRST_TEXT_S,
                ),
                Panel(
                    "From the call of the model to its first text",
                    "s",
                    "The model's part of it: when it is most of the time to the first text, look at LLM pool.",
                    tuple(Query(quantile(q, "fairlead_first_token_seconds"), f"p{q * 100:g}") for q in QUANTILES),
                    traced=True,
                ),
            ),
        ),
        Row(
            "Steps",
            (
                Panel(
                    "Time of each step, p95",
                    "s",
                    "generate lasts as long as the answer is written. A step that is new at the top has changed.",
                    (Query(quantile(0.95, "fairlead_step_seconds", by=("step",)), "{{step}}"),),
                    traced=True,
                ),
                Panel(
                    "Time of each step, mean",
                    "s",
                    "Of the answers that had the step: rewrite, rerank and expand take part only where they are on.",
                    (Query(mean("fairlead_step_seconds", by=("step",)), "{{step}}"),),
                ),
                Panel(
                    "Steps that could not do their part",
                    "cps",
                    "The answer went out all the same and said so. The reason is the kind of fault: PoolUnavailable is "
                    "LLM pool's affair. 0 when none did.",
                    (Query(or_zero(total(rate("fairlead_degraded_total"), "step", "reason")), "{{step}} {{reason}}"),),
                ),
                Panel(
                    "Callbacks that failed",
                    "cps",
                    "Audit, feedback and other listeners; no answer waits for them or fails with them.",
                    (Query(or_zero(total(rate("fairlead_callback_failures_total"), "hook")), "{{hook}}"),),
                ),
            ),
        ),
        Row(
            "Tokens and cost",
            (
                Panel(
                    "Tokens per second",
                    "cps",
                    "As the model counted them: input is the prompt with its passages, output the answer.",
                    (Query(total(rate("fairlead_tokens_total"), "direction"), "{{direction}}"),),
                ),
                Panel(
                    "Tokens per answer",
                    "short",
                    "A jump of the input means longer passages, more of them, or a longer prompt.",
                    (
                        Query(
                            f"{total(rate('fairlead_tokens_total'), 'direction')} / scalar({ANSWERED} > 0)",
                            "{{direction}}",
                        ),
                    ),
                ),
                Panel(
                    "Cost of an answer, mean",
                    "none",
                    "All calls to the pool on its behalf, in the currency of the price table. 0 without a price table.",
                    (Query(or_zero(mean("fairlead_answer_cost", by=("currency",))), "{{currency}}"),),
                ),
                Panel(
                    "Cost per hour by tenant",
                    "none",
                    "Tenants that no quota names are together `other`.",
                    (
                        Query(
                            or_zero(f"3600 * {total(rate('fairlead_cost_total'), 'tenant', 'currency')}"),
                            "{{tenant}} {{currency}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "HTTP",
            (
                Panel(
                    "Requests by route",
                    "reqps",
                    "By the route's template; what is no route of ours is `other`.",
                    (Query(ROUTED, "{{route}}"),),
                ),
                Panel(
                    "Share of requests that failed, by route",
                    "percentunit",
                    "Status 5xx. What the caller did wrong (4xx) is not in it.",
                    (Query(f"({ROUTE_ERRORS} or 0 * {ROUTED}) / ({ROUTED} > 0)", "{{route}}"),),
                    at_most=0.01,
                ),
                Panel(
                    "Time to the last byte by route, p95",
                    "s",
                    "Of a streamed answer this is its end, not its beginning.",
                    (
                        Query(
                            quantile(0.95, "fairlead_http_request_seconds", 'service="orchestrator"', by=("route",)),
                            "{{route}}",
                        ),
                    ),
                    traced=True,
                ),
                Panel(
                    "Requests being answered now",
                    "short",
                    "A line that only rises is a leak or a dependency that hangs.",
                    (
                        Query(
                            total(series("fairlead_http_requests_open", 'service="orchestrator"'), "service"),
                            "{{service}}",
                        ),
                    ),
                ),
                Panel(
                    "Refused for a quota",
                    "reqps",
                    "By limit. Quotas are in the orchestrator's tunables.",
                    (Query(or_zero(total(rate("fairlead_quota_refused_total"), "limit")), "{{limit}}"),),
                ),
                Panel(
                    "Requests that the store could not serve",
                    "reqps",
                    "By the kind of fault of the database: the caller got a 503.",
                    (Query(or_zero(total(rate("fairlead_store_failures_total"), "error")), "{{error}}"),),
                    at_most=0.01,
                ),
            ),
        ),
    ),
)
