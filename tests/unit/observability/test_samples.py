"""Counters over a window are exact, whatever restarts happen in it."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from observability.samples import SCRAPE_S, Series, grown

NOW = 10_000.0
WINDOW_S = 1_000.0
LABELS = {"__name__": "c"}


def series(*values: float, begin: float = NOW - WINDOW_S, step: float = 50.0) -> Series:
    samples = [(begin + step * number, str(value)) for number, value in enumerate(values)]
    return grown(LABELS, samples, WINDOW_S, NOW)


def test_what_was_counted_before_the_window_does_not_count() -> None:
    assert series(100, 100, 130).total == 30


def test_a_process_that_began_in_the_window_counts_from_zero() -> None:
    assert series(7, 9, begin=NOW - 500).total == 9


def test_a_restart_counts_from_zero_again() -> None:
    restarted = series(100, 120, 5, 8)
    assert restarted.total == 20 + 8
    assert restarted.process_ended


def test_what_moves_at_the_edges_is_told() -> None:
    moving = grown(LABELS, [(NOW - WINDOW_S, "1"), (NOW - WINDOW_S + 5, "3"), (NOW - 5, "10")], WINDOW_S, NOW)
    assert (moving.at_begin, moving.at_end, moving.total) == (2, 7, 9)
    assert not moving.process_ended
    assert series(1, 2).process_ended, "nothing was read of it lately"


@given(
    lives=st.lists(st.lists(st.integers(0, 1000), min_size=1, max_size=10), min_size=1, max_size=5),
)
def test_every_increment_that_was_scraped_is_counted_once(lives: list[list[int]]) -> None:
    """Several lives of a process; a restart is seen when the new count is below the old, so each begins at zero."""
    values = [value for life in lives for value in itertools.accumulate([0, *life])]
    samples = [(NOW - 900 + number, str(value)) for number, value in enumerate(values)]
    assert grown(LABELS, samples, WINDOW_S, NOW).total == sum(sum(life) for life in lives)


def test_the_edge_is_a_scrape_wide() -> None:
    just_outside = grown(LABELS, [(NOW - 500, "0"), (NOW - SCRAPE_S - 1, "4")], WINDOW_S, NOW)
    assert just_outside.at_end == 0
