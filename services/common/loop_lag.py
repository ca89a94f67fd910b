"""Measures how late a service's event loop is: the one delay that no request can be blamed for."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from common.metrics import LOOP_LAG

# Often enough to meet what holds the loop up for a tenth of a second, rarely enough to cost nothing.
EVERY_S = 0.1


@asynccontextmanager
async def watched(service: str) -> AsyncGenerator[None]:
    """Measure while the context is open."""
    loop = asyncio.get_running_loop()
    lag = LOOP_LAG.labels(service)
    due = loop.time() + EVERY_S

    def look() -> None:
        nonlocal due, timer
        now = loop.time()
        lag.observe(max(0.0, now - due))
        due = now + EVERY_S
        timer = loop.call_at(due, look)

    timer = loop.call_at(due, look)
    try:
        yield
    finally:
        timer.cancel()
