"""One caller's account: its limits as purses, and what a request needs of each."""

import asyncio
import math

from common.metrics import OTHER
from llm_proxy.ask import Ask
from llm_proxy.config import CallerLimits
from llm_proxy.plan import ModelPlan
from llm_proxy.purse import MONEY, Kind, Period, Purse

# An estimate is a quarter of the bytes, and no token is shorter than a byte: so much may a prompt cost at most.
BYTES_PER_ESTIMATED_TOKEN = 4


class Account:
    """One caller's purses; None where there is no limit."""

    __slots__ = (
        "concurrency",
        "labels",
        "limits",
        "models",
        "purses",
        "requests",
        "settled",
        "spend",
        "tokens",
        "turn",
        "waiting",
    )

    def __init__(self) -> None:
        self.limits: CallerLimits | None = None
        self.labels: tuple[str, str] = (OTHER, OTHER)
        """Tenant and key in metrics."""
        self.models: frozenset[str] | None = None
        self.requests: Purse | None = None
        self.tokens: Purse | None = None
        self.concurrency: Purse | None = None
        self.spend: Purse | None = None
        self.purses: tuple[Purse, ...] = ()
        self.waiting = 0
        self.settled = asyncio.Event()
        self.turn = asyncio.Lock()

    def use(self, caller: str, limits: CallerLimits, slices: int) -> None:
        """Take these limits; what was used stays used."""
        if limits == self.limits:
            return
        self.limits = limits
        self.models = None if limits.models is None else frozenset(limits.models)
        spend, per = (limits.spend.amount, limits.spend.per) if limits.spend else (None, "month")
        self.requests = _purse(self.requests, caller, "requests", "minute", limits.requests_per_minute, slices)
        self.tokens = _purse(self.tokens, caller, "tokens", "minute", limits.tokens_per_minute, slices)
        self.concurrency = _purse(self.concurrency, caller, "concurrency", "none", limits.concurrency, slices)
        amount = None if spend is None else max(1, round(spend * MONEY))
        self.spend = _purse(self.spend, caller, "spend", per, amount, slices)
        purses = (self.requests, self.tokens, self.concurrency, self.spend)
        self.purses = tuple(purse for purse in purses if purse is not None)


def _purse(old: Purse | None, caller: str, kind: Kind, per: Period, limit: int | None, slices: int) -> Purse | None:
    if limit is None:
        return None
    size = max(1, limit // slices)
    if old is None or old.per != per:
        return Purse(f"{caller}/{kind}", kind, per, limit, size)
    # The next draw tells what is left of the new limit; until then what was used is what it was.
    if old.elsewhere >= 0:
        old.elsewhere = max(0, old.elsewhere + limit - old.limit)
    old.limit, old.slice, old.tight, old.dry_until = limit, size, True, 0.0
    return old


def settle(purse: Purse, period: int, held: int, used: int) -> None:
    """Turn what was held into what was used; the rest may be used again, an excess is taken from what is idle."""
    if purse.period != period:
        return
    purse.out = max(0, purse.out - held)
    purse.spent += used
    purse.idle = max(0, purse.idle + held - used)
    purse.dry_until = 0.0


def tokens_of(ask: Ask, model: ModelPlan) -> int:
    """What the request is counted with: its estimated prompt, and the longest answer that it allows."""
    return ask.prompt_tokens + (model.default_max_tokens if ask.max_tokens is None else ask.max_tokens)


def money_of(ask: Ask, model: ModelPlan) -> int:
    """What the request can cost at most."""
    answer = model.most_output_tokens if ask.max_tokens is None else ask.max_tokens
    if ask.operation in ("embeddings", "rerank"):
        answer = 0
    price = model.price
    cost = price.request + ask.prompt_tokens * BYTES_PER_ESTIMATED_TOKEN * price.input + answer * price.output
    return math.ceil(cost * MONEY)


def need_of(purse: Purse, ask: Ask, model: ModelPlan) -> int:
    """Units of the purse that the request needs."""
    if purse.kind == "spend":
        return money_of(ask, model)
    return tokens_of(ask, model) if purse.kind == "tokens" else 1
