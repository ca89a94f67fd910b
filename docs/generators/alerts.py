"""docs/alerts.md: every alert, from its rule, with its runbook and its drill."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
MEANS = {
    "page": "somebody must act now: a promise to users is being broken",
    "ticket": "somebody must act within days",
    "info": "worth knowing; nothing is broken",
}
HEAD = """\
# Alerts

<!-- Made by `make generate` from charts/*/alerts and docs/runbooks. Edit those. -->

Each alert is one file of plain Prometheus rules, `charts/<chart>/alerts/<Alert>.yaml`, with a unit test of the same
name in `tests/alerts` (`promtool test rules`: it fires when it should, and not else) and a runbook. `make run
OBSERVE=full` loads all of them; elsewhere load them as rule files, or as PrometheusRules in a cluster. Where the series
have the label `namespace`, every environment has alerts of its own.
"""
DRILLS = """
## Drills

`make drill-<Alert>` starts a platform of its own, breaks what the alert is for, waits for it to fire, mends it and
waits for it to end (`make drill-all` holds all of them; `ARGS=--record` writes what was seen into the runbooks). Its
rules are those of the charts with time running 30 times faster: every window (but none under 30 s) and every `for` (but
none under 10 s) is divided by it. Where a threshold itself is a time, the runbook says what took its place.
"""


def text() -> str:
    """The whole document."""
    return HEAD + "".join(f"{line}\n" for line in _lines()) + DRILLS


def _lines() -> Iterator[str]:
    yield ""
    for severity, meaning in MEANS.items():
        yield f"- `{severity}`: {meaning}"
    for chart in sorted(ROOT.glob("charts/*/alerts")):
        yield ""
        yield f"## {chart.parent.name}"
        yield ""
        yield "| alert | severity | what it says | held for | drill |"
        yield "|---|---|---|---|---|"
        for path in sorted(chart.glob("*.yaml")):
            for rule in _rules(path):
                yield _row(rule)


def _rules(path: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def _row(rule: dict[str, Any]) -> str:
    name = rule["alert"]
    summary = re.sub(r"\{\{ *\$labels\.(\w+) *\}\}", r"*\1*", rule["annotations"]["summary"])
    summary = re.sub(r"\{\{[^}]*\$value[^}]*\}\}", "*so much*", summary)
    runbook = (ROOT / rule["annotations"]["runbook_url"]).read_text(encoding="utf-8")
    seen = re.search(r"^Provoked on ([0-9-]+).*?fired after (\d+ s)", runbook, re.MULTILINE)
    drill = f"{seen[1]}: after {seen[2]}" if seen else ""
    cells = [f"[{name}](runbooks/{name}.md)", rule["labels"]["severity"], summary, rule.get("for", ""), drill]
    return f"| {' | '.join(cells)} |"
