"""Capacity: what processes use against what they asked for and may have."""

from observability.dashboards.panel import Dashboard, Panel, Query, Row
from observability.dashboards.promql import or_zero, quantile, rate, series, share, total

CONTAINER = 'container!=""'
POD = ("namespace", "pod", "container")
BY_POD = "{{pod}} {{container}}"
CPU = total(rate("container_cpu_usage_seconds_total", CONTAINER), *POD)
MEMORY = f"max by ({', '.join(POD)}) ({series('container_memory_working_set_bytes', CONTAINER)})"
THROTTLED = total(rate("container_cpu_cfs_throttled_periods_total", CONTAINER), *POD)
PERIODS = total(rate("container_cpu_cfs_periods_total", CONTAINER), *POD)


def _resource(kind: str, resource: str) -> str:
    found = series(f"kube_pod_container_resource_{kind}", f'resource="{resource}"')
    return f"max by ({', '.join(POD)}) ({found})"


CAPACITY = Dashboard(
    "capacity",
    "Fairlead: Capacity",
    "platform",
    "What is used against what was asked for and what is allowed. In a cluster the upper row; on one machine the "
    "second.",
    (
        Row(
            "Containers (in a cluster: cAdvisor and kube-state-metrics)",
            (
                Panel(
                    "Processor time against the request",
                    "percentunit",
                    "Well above 100 % for long: the request is too small, and neighbours pay.",
                    (Query(f"{CPU} / {_resource('requests', 'cpu')}", BY_POD),),
                    at_most=1,
                ),
                Panel(
                    "Processor time against the limit",
                    "percentunit",
                    "Near 100 % the container is slowed down: compare with throttling. Empty without limits.",
                    (Query(f"{CPU} / {_resource('limits', 'cpu')}", BY_POD),),
                    at_most=0.9,
                ),
                Panel(
                    "Memory against the request",
                    "percentunit",
                    "Above 100 % the pod is among the first that a full node evicts.",
                    (Query(f"{MEMORY} / {_resource('requests', 'memory')}", BY_POD),),
                    at_most=1,
                ),
                Panel(
                    "Memory against the limit",
                    "percentunit",
                    "At 100 % the kernel ends the container.",
                    (Query(f"{MEMORY} / {_resource('limits', 'memory')}", BY_POD),),
                    at_most=0.9,
                ),
                Panel(
                    "Throttled",
                    "percentunit",
                    "Share of periods in which the container was held back by its limit of processor time.",
                    (Query(share(THROTTLED, PERIODS), BY_POD),),
                    at_most=0.1,
                ),
                Panel(
                    "Restarts per hour",
                    "short",
                    "Each has a reason in `kubectl describe pod`.",
                    (
                        Query(
                            total(f"increase({series('kube_pod_container_status_restarts_total')}[1h])", *POD),
                            BY_POD,
                        ),
                    ),
                    at_most=1,
                ),
            ),
        ),
        Row(
            "Processes",
            (
                Panel(
                    "Processor time",
                    "cores",
                    "Cores in use by each job, as its processes say.",
                    (Query(total(rate("process_cpu_seconds_total"), "job"), "{{job}}"),),
                ),
                Panel(
                    "Memory",
                    "bytes",
                    "Resident memory of each job. A line that only rises is a leak.",
                    (Query(total(series("process_resident_memory_bytes"), "job"), "{{job}}"),),
                ),
                Panel(
                    "Use of file descriptors",
                    "percentunit",
                    "Connections and files that are open, against the process's limit.",
                    (Query(f"max by (job) ({series('process_open_fds')} / {series('process_max_fds')})", "{{job}}"),),
                    at_most=0.8,
                ),
                Panel(
                    "Lag of the event loop, p99",
                    "s",
                    "How late work that is due begins. Tens of milliseconds: something computes on the loop, or "
                    "there is too "
                    "little processor time.",
                    (Query(quantile(0.99, "fairlead_event_loop_lag_seconds", by=("service",)), "{{service}}"),),
                    at_most=0.1,
                ),
                Panel(
                    "Requests being answered now",
                    "short",
                    "By service.",
                    (Query(total(series("fairlead_http_requests_open"), "service"), "{{service}}"),),
                ),
            ),
        ),
        Row(
            "Local models",
            (
                Panel(
                    "Tokens that wait",
                    "short",
                    "Embedding and reranking on the processor: what waits for its pass, by lane.",
                    (Query(total(series("fairlead_local_models_queued_tokens"), "lane"), "{{lane}}"),),
                ),
                Panel(
                    "Wait for the first pass, p95",
                    "s",
                    "Questions (interactive) go before documents (batch).",
                    (Query(quantile(0.95, "fairlead_local_models_queue_wait_seconds", by=("lane",)), "{{lane}}"),),
                    at_most=1,
                ),
                Panel(
                    "Time of one pass, p95",
                    "s",
                    "By encoder.",
                    (Query(quantile(0.95, "fairlead_local_models_inference_seconds", by=("encoder",)), "{{encoder}}"),),
                ),
                Panel(
                    "Tokens per second",
                    "cps",
                    "What the machine gets through.",
                    (
                        Query(
                            total(rate("fairlead_local_models_tokens_total"), "encoder", "lane"), "{{encoder}} {{lane}}"
                        ),
                    ),
                ),
                Panel(
                    "Refused because the queue was full",
                    "reqps",
                    "By lane; 0 is usual.",
                    (Query(or_zero(total(rate("fairlead_local_models_refused_total"), "lane")), "{{lane}}"),),
                    at_most=0.01,
                ),
            ),
        ),
    ),
)
