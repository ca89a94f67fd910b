"""What calls cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_proxy.ask import Usage
from llm_proxy.config import Price as Settings
from llm_proxy.config import Prices
from llm_proxy.prices import FREE, Price, dearest, price_of

TABLE = Prices(models={"m": Settings(input=2.5, cached_input=1.25, output=10, request=0.01)})


def test_a_call_costs_its_tokens_by_kind_and_the_call_itself() -> None:
    price = price_of(TABLE, "m", None)
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=500_000, cached_tokens=400_000)
    assert price.cost(usage) == pytest.approx(0.6 * 2.5 + 0.4 * 1.25 + 5 + 0.01)


def test_an_endpoints_own_price_goes_before_the_models_and_none_is_free() -> None:
    assert price_of(TABLE, "m", Settings(output=1)).cost(Usage(0, 1_000_000)) == pytest.approx(1)
    assert price_of(TABLE, "other", None) is FREE
    assert Price.of(Settings(input=3)).cached_input == Price.of(Settings(input=3)).input


PRICES = st.builds(Price, *[st.floats(0, 100)] * 4)
USAGES = st.builds(Usage, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**7))


@given(st.lists(PRICES, min_size=1, max_size=5), USAGES)
def test_no_endpoint_costs_more_than_the_dearest(prices: list[Price], usage: Usage) -> None:
    assert max(price.cost(usage) for price in prices) <= dearest(prices).cost(usage) * (1 + 1e-9)
