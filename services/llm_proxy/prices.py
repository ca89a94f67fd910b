"""What calls cost, by the price table of the configuration."""

from dataclasses import dataclass

from llm_proxy.ask import Usage
from llm_proxy.config import Price as PriceSettings
from llm_proxy.config import Prices

PER_TOKENS = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Prices of single tokens and calls, in the table's currency."""

    input: float
    cached_input: float
    output: float
    request: float

    @classmethod
    def of(cls, settings: PriceSettings) -> "Price":
        """The settings' prices, which are for a million tokens."""
        cached = settings.input if settings.cached_input is None else settings.cached_input
        return cls(
            settings.input / PER_TOKENS, cached / PER_TOKENS, settings.output / PER_TOKENS, float(settings.request)
        )

    def line(self, currency: str) -> bytes:
        """As the header of an answer tells it, prices of a million tokens; empty when all is free."""
        if self == FREE:
            return b""
        prices = (self.input * PER_TOKENS, self.cached_input * PER_TOKENS, self.output * PER_TOKENS, self.request)
        return " ".join((currency, *(f"{price:.10g}" for price in prices))).encode()

    def cost(self, usage: Usage) -> float:
        """What the usage costs."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        return (
            self.request
            + (usage.prompt_tokens - cached) * self.input
            + cached * self.cached_input
            + usage.completion_tokens * self.output
        )


FREE = Price(0.0, 0.0, 0.0, 0.0)


def price_of(prices: Prices, model: str, own: PriceSettings | None) -> Price:
    """The endpoint's own price, else the model's, else nothing."""
    settings = own or prices.models.get(model)
    return FREE if settings is None else Price.of(settings)


def dearest(prices: list[Price]) -> Price:
    """A price that none of these is above, for what a call may cost before its endpoint is known."""
    if not prices:
        return FREE
    return Price(
        max(price.input for price in prices),
        max(price.cached_input for price in prices),
        max(price.output for price in prices),
        max(price.request for price in prices),
    )
