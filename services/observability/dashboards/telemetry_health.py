"""Telemetry health: whether what the other dashboards and the traces show is all there is."""

from observability.dashboards.panel import Dashboard, Panel, Query, Row
from observability.dashboards.promql import or_zero, rate, series, total

TELEMETRY_HEALTH = Dashboard(
    "telemetry-health",
    "Fairlead: Telemetry health",
    "trace-collector",
    "Whether spans arrive where they should and metrics are read. `python -m observability reconcile` does the sums.",
    (
        Row(
            "In the services",
            (
                Panel(
                    "Spans by result",
                    "cps",
                    "ended is the sum of the others in the long run.",
                    (Query(total(rate("fairlead_spans_total"), "service", "result"), "{{service}} {{result}}"),),
                ),
                Panel(
                    "Spans lost, by reason",
                    "cps",
                    "queue_full: the collector was away for longer than the queue lasts.",
                    (
                        Query(
                            or_zero(total(rate("fairlead_spans_lost_total"), "service", "reason")),
                            "{{service}} {{reason}}",
                        ),
                    ),
                    at_most=0.01,
                ),
                Panel(
                    "Spans that wait to be sent",
                    "short",
                    "Rises while the collector does not answer.",
                    (Query(total(series("fairlead_spans_queued"), "service"), "{{service}}"),),
                    at_most=4096,
                ),
                Panel(
                    "Entries missing from the audit log",
                    "cps",
                    "Searches and reads that could not be written down; 0 is the only good value.",
                    (Query(or_zero(total(rate("fairlead_audit_dropped_total"), "reason")), "{{reason}}"),),
                    at_most=0.001,
                ),
            ),
        ),
        Row(
            "In the collector",
            (
                Panel(
                    "Spans received",
                    "cps",
                    "By receiver; refused ones come again from the services' queues.",
                    (
                        Query(total(rate("otelcol_receiver_accepted_spans"), "receiver"), "{{receiver}} accepted"),
                        Query(
                            or_zero(total(rate("otelcol_receiver_refused_spans"), "receiver")), "{{receiver}} refused"
                        ),
                    ),
                ),
                Panel(
                    "Spans sent on",
                    "cps",
                    "By exporter.",
                    (
                        Query(total(rate("otelcol_exporter_sent_spans"), "exporter"), "{{exporter}} sent"),
                        Query(
                            or_zero(total(rate("otelcol_exporter_send_failed_spans"), "exporter")),
                            "{{exporter}} failed",
                        ),
                    ),
                ),
                Panel(
                    "Use of the exporters' queues",
                    "percentunit",
                    "They are on disk and outlive a restart. At 100 % what comes is lost, and counted.",
                    (
                        Query(
                            f"max by (exporter) ({series('otelcol_exporter_queue_size')} / "
                            f"{series('otelcol_exporter_queue_capacity')})",
                            "{{exporter}}",
                        ),
                    ),
                    at_most=0.8,
                ),
                Panel(
                    "Spans by the rule of sampling",
                    "cps",
                    "Which rule decided on them. held is not stored but kept for a day.",
                    (
                        Query(
                            total(
                                rate("otelcol_processor_tail_sampling_count_spans_sampled", 'sampled="true"'), "policy"
                            ),
                            "{{policy}}",
                        ),
                    ),
                ),
                Panel(
                    "Spans in the buffer of a day",
                    "short",
                    "Traces that were not kept, in case somebody complains about one. 0 where all are kept.",
                    (Query(or_zero(f"max({series('fairlead_trace_buffer_held_spans')})"), "held"),),
                ),
                Panel(
                    "Traces stored after all",
                    "cps",
                    "Because somebody judged their answers.",
                    (Query(or_zero(total(rate("fairlead_trace_promotions_total"), "result")), "{{result}}"),),
                ),
            ),
        ),
        Row(
            "In Prometheus",
            (
                Panel(
                    "Targets that are read",
                    "bool",
                    "0: the service is down, or its metrics cannot be reached.",
                    (Query(f"min by (job) ({series('up')})", "{{job}}"),),
                    at_least=1,
                ),
                Panel(
                    "Series by target",
                    "short",
                    "Flat but for changes of the configuration: clients cannot make any.",
                    (Query(f"max by (job) ({series('scrape_samples_post_metric_relabeling')})", "{{job}}"),),
                    at_most=20_000,
                ),
                Panel(
                    "Time of a scrape",
                    "s",
                    "Near the scrape interval a target is too slow or too large.",
                    (Query(f"max by (job) ({series('scrape_duration_seconds')})", "{{job}}"),),
                    at_most=5,
                ),
            ),
        ),
    ),
)
