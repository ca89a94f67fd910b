"""A drill: an alert, and what provokes it for as long as a context is open."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from drills.stage import Stage

Provocation = Callable[[Stage], AbstractAsyncContextManager[None]]


async def nothing(_: Stage) -> None:
    """What is asked while the alert is waited for: nothing."""


@dataclass(frozen=True)
class Drill:
    """`provoked` breaks something and mends it at its end. `meanwhile` is done over and over until the alert fires, and
    `afterwards` until it has ended. `eased` are replacements in the rule, where time alone is not the hindrance."""

    alert: str
    provoked: Provocation
    meanwhile: Callable[[Stage], Awaitable[Any]] = nothing
    afterwards: Callable[[Stage], Awaitable[Any]] = nothing
    eased: Mapping[str, str] = field(default_factory=dict[str, str])


@asynccontextmanager
async def nothing_broken(_: Stage) -> Any:
    """What is asked is enough to provoke it."""
    yield
