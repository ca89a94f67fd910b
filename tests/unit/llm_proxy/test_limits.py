"""An endpoint's limits: never over them in any window, and every form of header understood."""

import math
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.pool_plan import Clock
from llm_proxy.keys import Key
from llm_proxy.limits import (
    LONGEST_WAIT_S,
    Learned,
    Window,
    amount,
    duration,
    requests_window,
    retry_after,
    tokens_window,
)
from llm_proxy.state import State

GAPS = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 40)), max_size=200)


@given(GAPS, st.integers(1, 100), st.sampled_from([1.0, 10.0, 60.0]), st.floats(0, 1e6))
def test_no_window_ever_holds_more_than_the_limit(
    arrivals: list[tuple[float, int]], limit: int, span_s: float, start: float
) -> None:
    window, now = Window(limit, span_s), start
    sent: list[tuple[float, int]] = []
    for gap, units in arrivals:
        now += gap * span_s / 30
        if window.room(now) >= units:
            window.add(now, units)
            sent.append((now, units))
    for at, _ in sent:
        assert sum(units for when, units in sent if at - span_s < when <= at) <= limit


@given(GAPS, st.integers(1, 100), st.integers(1, 120))
def test_what_is_promised_fits_when_the_time_comes(arrivals: list[tuple[float, int]], limit: int, asked: int) -> None:
    window, now = Window(limit, 10.0), 5000.0
    for gap, units in arrivals:
        now += gap / 3
        if window.room(now) >= units:
            window.add(now, units)
    at = window.free_at(now, asked)
    assert now <= at <= now + 10.0 * 51 / 50 + 1e-6
    # Dividing and multiplying by the length of a piece may differ in the last bit.
    assert window.room(at + 1e-6) >= min(asked, limit)


@given(st.integers(1, 100_000), st.sampled_from([1, 10]), st.integers(1, 50), st.integers(1, 200))
def test_copies_together_stay_under_the_requests_per_minute(rpm: int, judged_s: int, share: int, spans: int) -> None:
    window = requests_window(rpm, judged_s, share)
    assert window.limit / window.span_s * share <= rpm / 60 * (1 + 1e-9)


def test_sixty_a_minute_judged_over_ten_seconds_are_ten_in_ten_seconds() -> None:
    window = requests_window(60, 10, 1)
    assert (window.limit, window.span_s) == (10, 10)
    assert requests_window(3, 10, 1).span_s == 20
    assert tokens_window(1000, 3).limit == 333


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0),
        ("1s", 1.0),
        ("20ms", 0.02),
        ("1h30m", LONGEST_WAIT_S),
        ("1m30.5s", 90.5),
        ("2", 2.0),
        ("0.25", 0.25),
        (" 7 ", 7.0),
        ("-1", None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e9", LONGEST_WAIT_S),
        ("5 m", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert duration(text) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=30))
def test_no_header_breaks_a_parser(text: str) -> None:
    for value in (
        duration(text),
        amount(text),
        retry_after({"retry-after": text}),
        retry_after({"retry-after-ms": text}),
    ):
        assert value is None or 0 <= value < math.inf


@given(st.integers(0, 9), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_what_is_written_as_a_duration_is_read_back(hours: int, minutes: int, seconds: int, ms: int) -> None:
    text = f"{hours}h{minutes}m{seconds}s{ms}ms"
    assert duration(text) == pytest.approx(min(LONGEST_WAIT_S, hours * 3600 + minutes * 60 + seconds + ms / 1000))


def test_retry_after_in_all_its_forms() -> None:
    date = datetime(2030, 1, 1, 12, 0, 30, tzinfo=UTC)
    wall = date.timestamp() - 30
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    assert retry_after({"retry-after": "2"}) == 2
    assert retry_after({"retry-after": "1m2s"}) == 62
    assert retry_after({"retry-after": format_datetime(date, usegmt=True)}, lambda: wall) == 30
    assert retry_after({"retry-after": format_datetime(date, usegmt=True)}, lambda: wall + 99) == 0
    assert retry_after({"retry-after": "-1"}) is None
    assert retry_after({}) is None


def test_what_is_left_comes_back_evenly_where_the_limit_is_known() -> None:
    learned = Learned(0, 60, at=0.0, reset_s=60.0)
    assert learned.free_at(0.0, 1) == pytest.approx(1.0)
    assert learned.left_at(30.0) == pytest.approx(30)
    assert learned.left_at(60.0) == math.inf
    assert Learned(0, None, 0.0, 60.0).free_at(0.0, 1) == 60.0


def state(clock: Clock) -> State:
    return State("m", "limits-test", Key(None), clock)


def test_an_endpoint_that_says_nothing_is_left_is_not_asked() -> None:
    clock = Clock(0.0)
    one = state(clock)
    one.learn({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 0.0)
    assert one.free_at(0.0, 10, 1.0) == 360.0
    assert one.reason(0.0, 10, 1.0)
    assert one.free_at(361.0, 10, 1.0) == 361.0


def test_unknown_and_plenty_mean_no_limit() -> None:
    one = state(Clock(0.0))
    one.learn({"x-ratelimit-remaining-requests": "-1", "x-ratelimit-reset-requests": "1s"}, 0.0)
    assert one.plain
    one.learn({"x-ratelimit-remaining-tokens": "149000", "x-ratelimit-reset-tokens": "1s"}, 0.0)
    assert one.plain


def test_silence_after_429_is_answered_by_longer_and_longer_pauses() -> None:
    one = state(Clock(0.0))
    one.limited(0.0, None)
    assert one.free_at(0.0, 1, 1.0) == 1.0
    one.limited(1.0, 0.0)
    assert one.free_at(1.0, 1, 1.0) == 3.0
    one.answered(4.0, 0.1)
    assert one.plain
