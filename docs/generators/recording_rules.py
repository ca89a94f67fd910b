"""charts/orchestrator/alerts/recording.yaml: the service levels over every window, for alerts and dashboards."""

from collections.abc import Iterator
from typing import Any

import yaml

from observability.objectives import BAD, COUNTED, FIRST_TEXT_S, WINDOWS

HEAD = """\
# Made by `make generate` from services/observability/objectives.py. Edit that.
# Each rule stands for one namespace, so that environments on one Prometheus are told apart; without namespaces there is
# one series of each. Ratios are there only while something was asked.
"""
LONG = ("6h", "1d", "3d")


def text() -> str:
    """The rule file."""
    groups = [
        {"name": "fairlead-service-levels", "rules": [rule for window in _short() for rule in _rules(window)]},
        {
            "name": "fairlead-service-levels-long",
            "interval": "1m",
            "rules": [rule for window in LONG for rule in _rules(window)],
        },
    ]
    return HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, width=1000)


def _short() -> tuple[str, ...]:
    return tuple(window for window in WINDOWS if window not in LONG)


def _rules(window: str) -> Iterator[dict[str, Any]]:
    asked = f"sum by (namespace) (rate(fairlead_answers_total{{{COUNTED}}}[{window}]))"
    bad = f"sum by (namespace) (rate(fairlead_answers_total{{{BAD}}}[{window}]))"
    begun = f"sum by (namespace) (rate(fairlead_answer_first_text_seconds_count[{window}]))"
    soon = f'sum by (namespace) (rate(fairlead_answer_first_text_seconds_bucket{{le="{FIRST_TEXT_S}"}}[{window}]))'
    yield {"record": f"fairlead:answers:rate{window}", "expr": asked}
    yield {"record": f"fairlead:answers:error_ratio_rate{window}", "expr": f"{bad} / ({asked} > 0)"}
    yield {"record": f"fairlead:first_text:rate{window}", "expr": begun}
    yield {"record": f"fairlead:first_text:error_ratio_rate{window}", "expr": f"1 - {soon} / ({begun} > 0)"}
