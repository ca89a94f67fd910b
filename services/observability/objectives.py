"""The service levels that Fairlead promises, and the windows over which they are watched."""

from dataclasses import dataclass

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
"""Pairs of them catch a fast burn within minutes and a slow one within days (The Site Reliability Workbook, ch. 5)."""


@dataclass(frozen=True)
class Objective:
    """`good` is the share of answers that must be so; the rest is the error budget."""

    name: str
    title: str
    good: float

    @property
    def budget(self) -> float:
        """The share that may be otherwise."""
        return round(1 - self.good, 6)


ANSWERS = Objective("answers", "Answers that are neither failed nor degraded", 0.99)
FIRST_TEXT_S = 2.0
"""Bound of a bucket of `fairlead_answer_first_text_seconds`."""
FIRST_TEXT = Objective("first_text", f"Answers that begin within {FIRST_TEXT_S:g} s", 0.95)

COUNTED = 'outcome!~"rejected|cancelled"'
"""What cannot be asked, and what nobody waited for, is neither good nor bad."""
BAD = 'outcome=~"degraded|failed|refused"'
