"""Which endpoint a call goes to: the first priority that has room, within it the better of two drawn by weight."""

import random
from collections.abc import Callable, Sequence

from llm_proxy.plan import Endpoint, Group
from llm_proxy.state import FULL, LATENCY_FADES_S, State

# The second drawn must be clearly better, or noise in the latencies would undo the weights.
CLEARLY = 0.8


def choose(
    groups: Sequence[Group],
    out: Sequence[Endpoint],
    units: int,
    share: float,
    now: float,
    spill_at: float,
    careful: bool = False,
    draw: Callable[[], float] = random.random,
) -> Endpoint | None:
    """An endpoint that may be called now, or None.

    A group whose endpoints are all fuller than `spill_at` lets the next group help; when all are that full, the first
    with room is used. `units` are the call's tokens, `share` the part of the limits that its lane may fill, `out`
    the endpoints that are out for this request. `careful` leaves those that just failed to the last, for when no
    retry could follow.
    """
    group = groups[0]
    if not out and not careful:
        # Nearly always all of the first group have room; then two need to be looked at, not all.
        if len(group) == 1:
            if _able(group[0], units, share, now, spill_at):
                return group[0]
        else:
            first, second = _two_of(group, draw)
            if _able(first, units, share, now, spill_at) and _able(second, units, share, now, spill_at):
                return _better(first, second, now)
    full: list[Endpoint] = []
    for group in groups:
        able: list[Endpoint] = []
        for endpoint in group:
            if endpoint in out:
                continue
            state = endpoint.state
            fullness = 0.0 if state.plain else state.fullness(now, units, share)
            if fullness < spill_at and not (careful and (state.asides or state.breaker.state)):
                able.append(endpoint)
            elif fullness < FULL:
                full.append(endpoint)
        if able:
            return _better_of_two(able, now, draw)
    if not full:
        return None
    first_priority = full[0].priority
    return _better_of_two([endpoint for endpoint in full if endpoint.priority == first_priority], now, draw)


def _able(endpoint: Endpoint, units: int, share: float, now: float, spill_at: float) -> bool:
    state = endpoint.state
    return state.plain or state.fullness(now, units, share) < spill_at


def _better_of_two(able: Sequence[Endpoint], now: float, draw: Callable[[], float]) -> Endpoint:
    return able[0] if len(able) == 1 else _better(*_two_of(able, draw), now)


def _two_of(able: Sequence[Endpoint], draw: Callable[[], float]) -> tuple[Endpoint, Endpoint]:
    """Power of two choices (Mitzenmacher 2001): one drawn by weight, a second among the others likewise."""
    total = 0.0
    for endpoint in able:
        total += endpoint.weight
    first = _drawn(able, draw() * total, None)
    return first, _drawn(able, draw() * (total - first.weight), first)


def _better(first: Endpoint, second: Endpoint, now: float) -> Endpoint:
    latencies = latency(first.state, now), latency(second.state, now)
    # One that nothing is known of is neither faster nor slower: else it would get everything at once.
    of_first, of_second = latencies if all(latencies) else (1.0, 1.0)
    return second if load(second, of_second) < CLEARLY * load(first, of_first) else first


def _drawn(able: Sequence[Endpoint], mark: float, besides: Endpoint | None) -> Endpoint:
    last = able[0]
    for endpoint in able:
        if endpoint is besides:
            continue
        last = endpoint
        mark -= endpoint.weight
        if mark < 0:
            break
    return last


def load(endpoint: Endpoint, latency_s: float) -> float:
    """How long a call would about take: the latency, times the calls it already has for its weight."""
    return latency_s * (1.0 + endpoint.state.in_flight / endpoint.weight)


def latency(state: State, now: float) -> float:
    """The latency that is believed now: it fades to 0, so that an endpoint that was slow once is tried again."""
    faded = 1.0 - (now - state.latency_at) / LATENCY_FADES_S
    return state.latency_s * faded if faded > 0 else 0.0
