"""What the gauges show of endpoints is gone with the endpoint, so that no alert stays for one that is no more."""

from prometheus_client import REGISTRY

from fakes.pool_plan import Clock, config, plan
from llm_proxy.pool_state import PoolState
from llm_proxy.state import BREAKER, KEY_OUT

GAUGES = ("pool_endpoint_calls_open", "pool_endpoint_use_ratio", "pool_breaker_state", "pool_key_out")


def shown(endpoint: str) -> list[float | None]:
    labels = {"model": "m", "endpoint": endpoint}
    return [REGISTRY.get_sample_value(f"fairlead_{name}", labels) for name in GAUGES]


def test_an_endpoint_that_is_taken_out_is_shown_no_more() -> None:
    clock, state = Clock(), PoolState()
    state.show(plan(config(2), clock))
    BREAKER.labels("m", "e1").set(1)
    KEY_OUT.labels("m", "e1").set(1)
    state.show(plan(config(2), clock))
    assert shown("e1")[1:] != [None] * 3
    state.show(plan(config(1), clock))
    assert shown("e1") == [None] * 4
    assert None not in shown("e0")
