"""Releases: which versions and configurations run where, and what changed when."""

from observability.dashboards.panel import Dashboard, Panel, Query, Row
from observability.dashboards.promql import or_zero, quantile, rate, series, share, total
from observability.objectives import BAD, COUNTED

HASHES = f"{series('fairlead_config_info')} == 1"

RELEASES = Dashboard(
    "releases",
    "Fairlead: Releases",
    "platform",
    "Which versions and configurations run, since when, and whether an edit was refused. Lines across all dashboards "
    "mark releases (blue) and changes of the configuration (green).",
    (
        Row(
            "What runs",
            (
                Panel(
                    "Versions",
                    "short",
                    "Processes by commit. Two commits of one service: a release is under way, or stuck.",
                    (
                        Query(
                            f"count by (service, environment, commit) ({series('fairlead_build_info')})",
                            "{{service}} {{environment}} {{commit}}",
                        ),
                    ),
                    kind="table",
                ),
                Panel(
                    "Configurations in force",
                    "short",
                    "Processes by the hash of their tunables, the one that is on every answer and trace.",
                    (Query(f"count by (service, hash) ({HASHES})", "{{service}} {{hash}}"),),
                    kind="table",
                ),
                Panel(
                    "Different configurations of one service",
                    "short",
                    "1 is sound. More for longer than a few seconds: a replica does not see the edit, or refuses it.",
                    (Query(f"count by (service) (count by (service, hash) ({HASHES}))", "{{service}}"),),
                    at_most=2,
                ),
                Panel(
                    "Up since",
                    "s",
                    "Age of the youngest process of each job.",
                    (Query(f"time() - max by (job) ({series('process_start_time_seconds')})", "{{job}}"),),
                ),
            ),
        ),
        Row(
            "Edits of the configuration",
            (
                Panel(
                    "The file is the configuration in force",
                    "bool",
                    "0: the last edit was refused, and the last good one serves on. The log and `/v1/config` say which "
                    "key and why.",
                    (Query(f"min by (service) ({series('fairlead_config_reload_success')})", "{{service}}"),),
                    at_least=1,
                ),
                Panel(
                    "Edits by result, per hour",
                    "short",
                    "applied, refused, or applied but not kept for the next start.",
                    (
                        Query(
                            or_zero(
                                f"sum by (service, result) (increase({series('fairlead_config_reloads_total')}[1h]))"
                            ),
                            "{{service}} {{result}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "What it did to answers",
            (
                Panel(
                    "Share of answers that were degraded, failed or refused",
                    "percentunit",
                    "Look left and right of a line.",
                    (
                        Query(
                            share(
                                total(rate("fairlead_answers_total", BAD)),
                                total(rate("fairlead_answers_total", COUNTED)),
                            ),
                            "bad",
                        ),
                    ),
                    at_most=0.01,
                ),
                Panel(
                    "Time to the first text, p95",
                    "s",
                    "Look left and right of a line.",
                    (Query(quantile(0.95, "fairlead_answer_first_text_seconds"), "p95"),),
                    traced=True,
                ),
            ),
        ),
    ),
)
