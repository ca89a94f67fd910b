"""LLM pool: how full its endpoints are, which of them are in trouble, and what they cost."""

from observability.dashboards.panel import Dashboard, Panel, Query, Row
from observability.dashboards.promql import or_zero, quantile, rate, series, share, total

CALLS = total(rate("fairlead_pool_upstream_calls_total"), "model", "endpoint")
FAILED = total(rate("fairlead_pool_upstream_calls_total", 'outcome!="ok"'), "model", "endpoint")
PLACE = "{{model}} {{endpoint}}"
BY_PLACE = ("model", "endpoint")

LLM_POOL = Dashboard(
    "llm-pool",
    "Fairlead: LLM pool",
    "llm-proxy",
    "Which endpoints answer, how near they are to their limits, and who pays for what.",
    (
        Row(
            "Requests",
            (
                Panel(
                    "Requests by what the caller saw",
                    "reqps",
                    "ok, a status, or client_gone. 429: every endpoint was at its limit, or the caller at theirs.",
                    (Query(total(rate("fairlead_pool_requests_total"), "model", "outcome"), "{{model}} {{outcome}}"),),
                ),
                Panel(
                    "Share of requests that failed",
                    "percentunit",
                    "5xx and 429, after all retries.",
                    (
                        Query(
                            share(
                                or_zero(total(rate("fairlead_pool_requests_total", 'outcome=~"5..|429"'))),
                                total(rate("fairlead_pool_requests_total")),
                            ),
                            "failed",
                        ),
                    ),
                    at_most=0.01,
                ),
                Panel(
                    "Until the first content, p95",
                    "s",
                    "Of streams, by the endpoint that answered. A diamond leads to the trace of the call.",
                    (Query(quantile(0.95, "fairlead_pool_first_byte_seconds", by=BY_PLACE), PLACE),),
                    traced=True,
                ),
                Panel(
                    "Time spent in the pool itself",
                    "s",
                    "Neither waiting for an endpoint nor for its answer. Milliseconds here mean a lack of processor "
                    "time.",
                    tuple(
                        Query(quantile(q, "fairlead_pool_added_seconds", by=("model",)), f"{{{{model}}}} p{q * 100:g}")
                        for q in (0.5, 0.99)
                    ),
                    at_most=0.01,
                ),
            ),
        ),
        Row(
            "Endpoints",
            (
                Panel(
                    "Calls by endpoint and outcome",
                    "reqps",
                    "Several calls may serve one request: retries, hedges and slices count each.",
                    (
                        Query(
                            total(rate("fairlead_pool_upstream_calls_total"), "model", "endpoint", "outcome"),
                            "{{model}} {{endpoint}} {{outcome}}",
                        ),
                    ),
                ),
                Panel(
                    "Share of calls that failed, by endpoint",
                    "percentunit",
                    "Callers may not have noticed: another endpoint took over.",
                    (Query(f"({FAILED} or 0 * {CALLS}) / ({CALLS} > 0)", PLACE),),
                    at_most=0.1,
                ),
                Panel(
                    "Breakers",
                    "none",
                    "0 closed (in use), 1 open (left alone), 2 a probe is out. All of a model's open: it is down.",
                    (Query(f"max by (model, endpoint) ({series('fairlead_pool_breaker_state')})", PLACE),),
                    at_most=1,
                ),
                Panel(
                    "Keys that are refused or missing",
                    "bool",
                    "1: the endpoint refused its key, or there is none. It comes back by itself once the key works.",
                    (Query(f"max by (model, endpoint) ({series('fairlead_pool_key_out')})", PLACE),),
                    at_most=1,
                ),
                Panel(
                    "Use of the limits",
                    "percentunit",
                    "How full the fullest limit (tokens, requests, calls at a time) of an endpoint is. Near 100 %: "
                    "requests "
                    "wait or spill over to the next priority. 0 where no limit is configured.",
                    (Query(f"max by (model, endpoint) ({series('fairlead_pool_endpoint_use_ratio')})", PLACE),),
                    at_most=0.9,
                ),
                Panel(
                    "Calls in flight",
                    "short",
                    "Calls that endpoints are answering now.",
                    (Query(total(series("fairlead_pool_endpoint_calls_open"), *BY_PLACE), PLACE),),
                ),
                Panel(
                    "Requests that wait for an endpoint",
                    "short",
                    "By lane: interactive goes before batch. Waiting ends at the caller's deadline.",
                    (Query(total(series("fairlead_pool_requests_waiting"), "model", "lane"), "{{model}} {{lane}}"),),
                    at_most=100,
                ),
                Panel(
                    "Time waited for an endpoint, p95",
                    "s",
                    "Of the requests that had to wait; 0, or a gap, when none had to.",
                    (
                        Query(
                            or_zero(quantile(0.95, "fairlead_pool_queue_wait_seconds", by=("model", "lane"))),
                            "{{model}} {{lane}}",
                        ),
                    ),
                    traced=True,
                ),
                Panel(
                    "Second calls for slow first ones",
                    "cps",
                    "Hedges, by which call answered first. Many won by the second: the first endpoint is slow.",
                    (
                        Query(
                            or_zero(total(rate("fairlead_pool_hedges_total"), "model", "winner")),
                            "{{model}} {{winner}}",
                        ),
                    ),
                ),
                Panel(
                    "Copies of the pool among which limits are split",
                    "short",
                    "It should be the number of pods.",
                    (Query(f"max({series('fairlead_pool_replicas')})", "copies"),),
                ),
            ),
        ),
        Row(
            "Tokens and cost",
            (
                Panel(
                    "Tokens per second",
                    "cps",
                    "As endpoints counted them; estimated where they did not.",
                    (Query(total(rate("fairlead_pool_tokens_total"), "model", "kind"), "{{model}} {{kind}}"),),
                ),
                Panel(
                    "Cost per hour by model",
                    "none",
                    "By the price table, in its currency. 0 without one.",
                    (
                        Query(
                            or_zero(f"3600 * {total(rate('fairlead_pool_cost_total'), 'model', 'currency')}"),
                            "{{model}} {{currency}}",
                        ),
                    ),
                ),
                Panel(
                    "Cost per hour by caller",
                    "none",
                    "Tenants and keys that the configuration names; all others together are `other`. The "
                    "orchestrator calls "
                    "with a key of its own: what its tenants cost is on Answer path.",
                    (
                        Query(
                            or_zero(
                                f"3600 * {total(rate('fairlead_pool_caller_cost_total'), 'tenant', 'key', 'currency')}"
                            ),
                            "{{tenant}} {{key}} {{currency}}",
                        ),
                    ),
                ),
                Panel(
                    "Use of budgets",
                    "percentunit",
                    "Of the day or month that runs; at 100 % the caller gets 429. 0 where no budget is configured.",
                    (
                        Query(
                            or_zero(f"max by (tenant, key) ({series('fairlead_pool_budget_used_ratio')})"),
                            "{{tenant}} {{key}}",
                        ),
                    ),
                    at_most=0.8,
                ),
                Panel(
                    "Refused for a limit of the caller",
                    "reqps",
                    "Requests, tokens, concurrency or spend of a key.",
                    (Query(or_zero(total(rate("fairlead_pool_caller_refused_total"), "limit")), "{{limit}}"),),
                ),
                Panel(
                    "The ledger of limits could not be reached",
                    "cps",
                    "While it is away budgets are not handed out and rates hold in each process alone.",
                    (Query(total(rate("fairlead_pool_ledger_failures_total")), "failed draws"),),
                    at_most=0.01,
                ),
            ),
        ),
    ),
)
