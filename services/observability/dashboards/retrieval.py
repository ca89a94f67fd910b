"""Retrieval quality: what can be seen of every search, without knowing the right answer."""

from observability.dashboards.panel import Dashboard, Panel, Query, Row
from observability.dashboards.promql import mean, or_zero, quantile, rate, share, total

SEARCHES = total(rate("fairlead_retrievals_total"), "via")
EMPTY = total(rate("fairlead_retrievals_total", 'result="empty"'), "via")
VIA = ("via",)

RETRIEVAL = Dashboard(
    "retrieval",
    "Fairlead: Retrieval quality",
    "orchestrator",
    "Whether searches find something, how sure they are of it, and how old it is.",
    (
        Row(
            "What is found",
            (
                Panel(
                    "Searches",
                    "reqps",
                    "chat: on behalf of an answer; search: asked for by a program. Several queries of one request "
                    "count each.",
                    (Query(SEARCHES, "{{via}}"),),
                ),
                Panel(
                    "Share of searches that found nothing",
                    "percentunit",
                    "Rises when documents vanish, when a threshold is too high, or when people ask for what is not "
                    "there.",
                    (Query(f"({EMPTY} or 0 * {SEARCHES}) / ({SEARCHES} > 0)", "{{via}}"),),
                    at_most=0.2,
                ),
                Panel(
                    "Score of the best passage",
                    "percentunit",
                    "Calibrated: a probability that the passage is relevant. Its lower tenth falls first when the "
                    "documents "
                    "no longer answer what is asked.",
                    tuple(
                        Query(quantile(q, "fairlead_retrieval_top_score_ratio", by=VIA), f"{{{{via}}}} p{q * 100:g}")
                        for q in (0.1, 0.5)
                    ),
                    traced=True,
                ),
                Panel(
                    "Margin between the first and the second passage",
                    "percentunit",
                    "Little: the index cannot tell them apart; typical of copies of one document, or of a question "
                    "that fits nothing.",
                    tuple(
                        Query(quantile(q, "fairlead_retrieval_margin_ratio", by=VIA), f"{{{{via}}}} p{q * 100:g}")
                        for q in (0.1, 0.5)
                    ),
                    traced=True,
                ),
                Panel(
                    "Age of the passages found",
                    "s",
                    "Time since the index took their documents in. It grows by a day a day when a source is silent: "
                    "see Ingestion.",
                    tuple(
                        Query(quantile(q, "fairlead_retrieval_passage_age_seconds"), f"p{q * 100:g}")
                        for q in (0.5, 0.9)
                    ),
                ),
                Panel(
                    "Score of the best passage, mean",
                    "percentunit",
                    "Compare it across a release or a change of the configuration (annotations).",
                    (Query(mean("fairlead_retrieval_top_score_ratio", by=VIA), "{{via}}"),),
                ),
            ),
        ),
        Row(
            "How it is found",
            (
                Panel(
                    "Time to search, p95",
                    "s",
                    "embed: the question's vector; retrieve: the database; rerank, where it is on.",
                    (
                        Query(
                            quantile(
                                0.95, "fairlead_step_seconds", 'step=~"embed|retrieve|rerank|expand"', by=("step",)
                            ),
                            "{{step}}",
                        ),
                    ),
                    traced=True,
                ),
                Panel(
                    "Searches without all of their legs",
                    "cps",
                    "embed: only words were searched; rerank: the fused order stayed. Counted in answers and searches.",
                    (
                        Query(
                            or_zero(
                                total(rate("fairlead_degraded_total", 'step=~"rewrite|embed|rerank"'), "step", "reason")
                            ),
                            "{{step}} {{reason}}",
                        ),
                    ),
                ),
                Panel(
                    "Share of answers that say the documents do not tell",
                    "percentunit",
                    "Honest, and still a hint: at what people ask, or at what is missing among the documents.",
                    (
                        Query(
                            share(
                                total(rate("fairlead_answers_total", 'outcome="not_answered"')),
                                total(rate("fairlead_answers_total", 'outcome=~"answered|not_answered|degraded"')),
                            ),
                            "not answered",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
