"""Why each endpoint would be taken or passed over for a request, for people who ask; nothing is sent."""

import math
from collections.abc import Callable

from llm_proxy.ask import Ask, Candidate
from llm_proxy.balancer import choose, latency
from llm_proxy.breaker import NAMES
from llm_proxy.plan import Endpoint, ModelPlan


def explain(
    model: ModelPlan, ask: Ask, now: float, batch_share: float, spill_at: float, draw: Callable[[], float]
) -> list[Candidate]:
    """One candidate for each endpoint, in order of priority."""
    units = ask.prompt_tokens + (model.default_max_tokens if ask.max_tokens is None else ask.max_tokens)
    share = batch_share if ask.lane == "batch" else 1.0
    groups = model.embedding_groups if ask.operation == "embeddings" else model.groups
    chosen = choose(groups, (), units, share, now, spill_at, draw=draw)
    eligible = {id(endpoint) for group in groups for endpoint in group}
    return [
        _candidate(endpoint, chosen, id(endpoint) in eligible, now, units, share, spill_at)
        for group in model.groups
        for endpoint in group
    ]


def _candidate(
    endpoint: Endpoint, chosen: Endpoint | None, eligible: bool, now: float, units: int, share: float, spill_at: float
) -> Candidate:
    state = endpoint.state
    free_at = state.free_at(now, units, share) if eligible else math.inf
    reason = state.reason(now, units, share)
    if not eligible:
        reason = "no common embedding space is declared"
    elif endpoint is chosen:
        reason = "chosen"
    elif not reason and chosen is not None and chosen.priority < endpoint.priority:
        reason = f"priority {chosen.priority} has room"
    elif not reason and state.use(now) >= spill_at:
        reason = f"fuller than {spill_at:g}, and another is not"
    elif not reason:
        reason = "another of its priority was drawn"
    return Candidate(
        model=endpoint.model_name,
        endpoint=endpoint.name,
        priority=endpoint.priority,
        chosen=endpoint is chosen,
        reason=reason,
        free_in_s=None if free_at == math.inf else round(max(0.0, free_at - now), 3),
        in_flight=state.in_flight,
        use=round(state.use(now), 3),
        latency_s=round(latency(state, now), 4),
        breaker=NAMES[state.breaker.state],
    )
