"""charts/orchestrator/alerts/…Burn….yaml: the alerts that a service level's error budget is used up too fast.

Pairs of windows, factors and shares of the budget are those of The Site Reliability Workbook, ch. 5: the long window
says that it matters, the short one that it goes on. What few people asked cannot tell a service level, hence the guard.
"""

from collections.abc import Callable
from dataclasses import dataclass

from observability.objectives import ANSWERS, FIRST_TEXT, WINDOWS, Objective

HEAD = "# Made by `make generate` from services/observability/objectives.py, by docs/generators/burn_alerts.py.\n"
HOURS = {"5m": 1 / 12, "30m": 0.5, "1h": 1, "2h": 2, "6h": 6, "1d": 24, "3d": 72}
LEVEL_DAYS = 30


@dataclass(frozen=True)
class Burn:
    """`factor` times the pace at which the budget would last for 30 days, over both windows."""

    long: str
    short: str
    factor: float

    @property
    def used(self) -> str:
        """How much of the budget is gone when the long window has passed at this pace."""
        return f"{self.factor * HOURS[self.long] / (LEVEL_DAYS * 24):.0%}"


@dataclass(frozen=True)
class Pace:
    """One alert of each service level."""

    name: str
    severity: str
    least_asked: int
    burns: tuple[Burn, Burn]


FAST = Pace("Fast", "page", 30, (Burn("1h", "5m", 14.4), Burn("6h", "30m", 6)))
SLOW = Pace("Slow", "ticket", 100, (Burn("1d", "2h", 3), Burn("3d", "6h", 1)))
assert all(window in WINDOWS for pace in (FAST, SLOW) for burn in pace.burns for window in (burn.long, burn.short))


def files() -> dict[str, Callable[[], str]]:
    """Every file, with what writes it."""
    pairs = [(objective, pace) for objective in (ANSWERS, FIRST_TEXT) for pace in (FAST, SLOW)]
    return {
        f"charts/orchestrator/alerts/{_name(objective, pace)}.yaml": lambda o=objective, p=pace: _text(o, p)
        for objective, pace in pairs
    }


def _name(objective: Objective, pace: Pace) -> str:
    return f"{objective.name.title().replace('_', '')}Burn{pace.name}"


def _text(objective: Objective, pace: Pace) -> str:
    name = _name(objective, pace)
    first, second = (_condition(objective, burn, pace.least_asked) for burn in pace.burns)
    windows = " or ".join(f"{burn.used} of it in {burn.long}" for burn in pace.burns)
    promise = f"{objective.good:.0%} are promised over {LEVEL_DAYS} days."
    return f"""\
{HEAD}groups:
  - name: {name}
    rules:
      - alert: {name}
        expr: |
          {first}
          or
          {second}
        labels:
          severity: {pace.severity}
        annotations:
          summary: "{{{{ $value | humanizePercentage }}}} of the answers are not as promised: {objective.title}"
          description: "{promise} At this pace the budget for the rest goes: {windows}."
          runbook_url: docs/runbooks/{name}.md
"""


def _condition(objective: Objective, burn: Burn, least_asked: int) -> str:
    level = f"fairlead:{objective.name}"
    most = f"{burn.factor * objective.budget:.6g}"
    return f"""(
            {level}:error_ratio_rate{burn.long} > {most}
            and {level}:error_ratio_rate{burn.short} > {most}
            and {level}:rate{burn.long} * {HOURS[burn.long] * 3600:.0f} >= {least_asked}
          )"""
