"""Which endpoint a call goes to: the first priority that has room, within it the better of two drawn by weight."""

import random
from collections.abc import Callable, Sequence

from llm_proxy.plan import Endpoint, Group
from llm_proxy.state import LATENCY_FADES_S, State

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
    full: list[Endpoint] = []
    for group in groups:
        able: list[Endpoint] = []
        for endpoint in group:
            if out and endpoint in out:
                continue
            state = endpoint.state
            if state.plain:
                able.append(endpoint)
            elif state.free_at(now, units, share) <= now:
                doubtful = careful and (state.asides or state.breaker.state)
                if not doubtful and state.use(now) < spill_at:
                    able.append(endpoint)
                else:
                    full.append(endpoint)
        if able:
            return able[0] if len(able) == 1 else _better_of_two(able, now, draw)
    if not full:
        return None
    first = full[0].priority
    return _better_of_two([endpoint for endpoint in full if endpoint.priority == first], now, draw)


def _better_of_two(able: Sequence[Endpoint], now: float, draw: Callable[[], float]) -> Endpoint:
    """Power of two choices (Mitzenmacher 2001): one drawn by weight, a second among the others likewise."""
    if len(able) == 1:
        return able[0]
    total = 0.0
    for endpoint in able:
        total += endpoint.weight
    first = _drawn(able, draw() * total, None)
    second = _drawn(able, draw() * (total - first.weight), first)
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
