"""Feedback and quality: what people say of answers, how well answers are grounded, and whether feedback arrives."""

from observability.dashboards.panel import Dashboard, Panel, Query, Row
from observability.dashboards.promql import or_zero, quantile, rate, series, share, total

THUMBS = 'value=~"up|down"'
GIVEN = 'outcome=~"answered|not_answered|degraded"'
ANSWERED = total(rate("fairlead_answers_total", GIVEN))
LESS = total(rate("fairlead_answers_total", 'outcome=~"not_answered|degraded"'), "outcome")


def _down(window: str) -> str:
    down = total(rate("fairlead_feedback_total", 'value="down"', window=window))
    return share(down, total(rate("fairlead_feedback_total", THUMBS, window=window)))


FEEDBACK = Dashboard(
    "feedback",
    "Fairlead: Feedback and quality",
    "orchestrator",
    "What people say of answers, and what can be said of answers that nobody judged.",
    (
        Row(
            "People",
            (
                Panel(
                    "Feedback per hour",
                    "short",
                    "up and down are thumbs, rating a number that a program sent.",
                    (Query(f"3600 * {total(rate('fairlead_feedback_total', window='1h'), 'value')}", "{{value}}"),),
                ),
                Panel(
                    "Share of thumbs that are down",
                    "percentunit",
                    "Over an hour and a day. Compare with the annotations of releases and changes of the "
                    "configuration.",
                    (Query(_down("1h"), "1 h"), Query(_down("1d"), "1 d")),
                    at_most=0.3,
                ),
                Panel(
                    "Feedback for a hundred answers",
                    "percentunit",
                    "How many answers are judged at all: a share of thumbs says little when this is small.",
                    (
                        Query(
                            share(
                                total(rate("fairlead_feedback_total", window="1d")),
                                total(rate("fairlead_answers_total", GIVEN, window="1d")),
                            ),
                            "judged",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Answers",
            (
                Panel(
                    "How much of an answer its passages support",
                    "percentunit",
                    "Grounding, measured by the words of each cited sentence. The lower tenth are answers to read.",
                    tuple(Query(quantile(q, "fairlead_answer_grounding_ratio"), f"p{q * 100:g}") for q in (0.1, 0.5)),
                    traced=True,
                    at_least=0.5,
                ),
                Panel(
                    "Citations of an answer",
                    "short",
                    "Median, and the share of answers below one is the share without any.",
                    (Query(quantile(0.5, "fairlead_answer_citations"), "p50"),),
                ),
                Panel(
                    "Answers that say no, and answers with a part missing",
                    "percentunit",
                    "not_answered: the documents do not tell. degraded: a step could not do its part.",
                    (
                        Query(
                            f"{LESS} / scalar({ANSWERED} > 0)",
                            "{{outcome}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "On its way to the trace store",
            (
                Panel(
                    "Feedback by what became of it",
                    "cps",
                    "forwarded arrived; retried will be tried again; refused and given_up are in the database alone. 0 "
                    "without a trace store.",
                    (Query(or_zero(total(rate("fairlead_feedback_forwarded_total"), "result")), "{{result}}"),),
                ),
                Panel(
                    "Feedback that waits",
                    "short",
                    "In the outbox, of all replicas.",
                    (Query(f"max({series('fairlead_feedback_outbox_jobs')})", "waiting"),),
                    at_most=100,
                ),
                Panel(
                    "Age of the oldest that waits",
                    "s",
                    "Seconds are normal: a trace reaches its store after its answer.",
                    (Query(f"max({series('fairlead_feedback_outbox_oldest_seconds')})", "oldest"),),
                    at_most=900,
                ),
            ),
        ),
    ),
)
