"""What the calls of one request to the pool cost: the pool says the price with each answer, the answer its usage."""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

PRICE_HEADER = "x-fairlead-price"
"""Currency, then prices of a million tokens read, read from the endpoint's cache and written, and of the call."""
PER_TOKENS = 1_000_000
_PRICE = re.compile(r"([A-Z]{3})((?: [0-9.e+-]{1,30}){4})")


@dataclass
class Spending:
    """What was spent so far, in the currency of the pool's price table; no currency: all was free."""

    cost: float = 0.0
    currency: str = ""


_of_request: ContextVar[Spending | None] = ContextVar("spending", default=None)


def begin() -> Spending:
    """Add up from here what the calls of this task, and of those that it starts, cost."""
    spending = Spending()
    _of_request.set(spending)
    return spending


def charge(price: str | None, usage: object) -> None:
    """Enter one answer. Without a price it was free; one that cannot be read is none."""
    spending = _of_request.get()
    found = _PRICE.fullmatch(price) if price and spending is not None else None
    if spending is None or found is None:
        return
    try:
        read, cached_read, written, call = (float(part) for part in found[2].split())
    except ValueError:
        return
    tokens, cached, completion = _tokens(usage)
    spending.currency = found[1]
    spending.cost += call + ((tokens - cached) * read + cached * cached_read + completion * written) / PER_TOKENS


def _tokens(usage: object) -> tuple[int, int, int]:
    """Tokens read, those of them from the cache, and tokens written."""
    if not isinstance(usage, Mapping):
        return 0, 0, 0
    said = cast("Mapping[str, Any]", usage)
    details: object = said.get("prompt_tokens_details")
    cached = cast("Mapping[str, Any]", details).get("cached_tokens") if isinstance(details, Mapping) else 0
    counts = [count if isinstance(count, int) and count > 0 else 0 for count in (said.get("prompt_tokens"), cached)]
    completion = said.get("completion_tokens")
    return counts[0], min(counts), completion if isinstance(completion, int) and completion > 0 else 0
