"""Who waits for an endpoint, in the order in which they are served: interactive before batch, then by arrival."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.errors import ApiError
from llm_proxy.ask import Ask, Tried
from llm_proxy.plan import ModelPlan, ModelState

if TYPE_CHECKING:
    from llm_proxy.router import Reservation, Router

CallLater = Callable[[float, Callable[[], None]], asyncio.TimerHandle]
# Two looks at a limit are at least so far apart.
LEAST_PAUSE_S = 0.001
# What is said when only an event can tell when a place is free (concurrency, a probe that is out).
UNKNOWN_WAIT_S = 1.0
# An endpoint that waiting does not help.
DOWN = ("breaker", "key")


@dataclass(slots=True, eq=False)
class Waiter:
    """One request that waits."""

    ask: Ask
    tried: Tried
    model: ModelPlan
    units: int
    place: "asyncio.Future[Reservation]"


class WaitingRoom:
    """Two queues for each model, and one timer: for the head's earliest reset."""

    def __init__(self, router: "Router", call_later: CallLater | None) -> None:
        self._router = router
        self._call_later = call_later
        self._timers: dict[int, asyncio.TimerHandle] = {}

    async def wait(self, ask: Ask, tried: Tried, model: ModelPlan) -> "Reservation":
        """See Router.wait."""
        router, state = self._router, model.state
        queue = router.plan.config.queue
        loop = asyncio.get_running_loop()
        units = ask.prompt_tokens + (model.default_max_tokens if ask.max_tokens is None else ask.max_tokens)
        waiter = Waiter(ask, tried, model, units, loop.create_future())
        began = router.clock()
        longest = min(ask.deadline.remaining(), queue.longest_wait_s)
        free_at = router.free_at(waiter, began)
        hopeless = free_at - began > longest and free_at != math.inf
        if hopeless or not self._may_help(waiter, began):
            raise self.refusal(waiter, began)
        lane = state.interactive if ask.lane == "interactive" else state.batch
        if len(state.interactive) + len(state.batch) >= queue.most_waiting:
            raise self.refusal(waiter, began, full=True)
        lane.append(waiter)
        try:
            self.serve(state)
            async with asyncio.timeout(longest):
                reservation = await waiter.place
        except TimeoutError:
            self._leave(lane, waiter)
            raise self.refusal(waiter, router.clock()) from None
        except BaseException:
            self._leave(lane, waiter)
            raise
        reservation.waited_s = router.clock() - began
        return reservation

    def serve(self, state: ModelState) -> None:
        """Give places to those who can have one, in order; then set the timer for the next look."""
        now = self._router.clock()
        next_look = math.inf
        for lane in (state.interactive, state.batch):
            for waiter in list(lane):
                if waiter.place.done():
                    continue
                reservation = self._router.take(waiter.ask, waiter.tried, waiter.model, now)
                if reservation is not None:
                    lane.remove(waiter)
                    waiter.place.set_result(reservation)
                    continue
                next_look = min(next_look, self._router.free_at(waiter, now))
                # One that failed elsewhere has fewer endpoints to wait for: it does not hold up the others.
                if not waiter.tried.endpoints:
                    break
            else:
                continue
            break
        self._set_timer(state, now, next_look)

    def refusal(self, waiter: Waiter, now: float, full: bool = False) -> ApiError:
        """429 when the endpoints are limited, 503 when they are down, 502 when this request tried them all."""
        left = self._router.left(waiter.ask, waiter.tried, waiter.model)
        name = waiter.model.name
        if not left:
            return ApiError(502, f"No endpoint of the model {name} answered.", code="upstream_failed")
        free_at = self._router.free_at(waiter, now)
        wait_s = max(free_at - now, LEAST_PAUSE_S) if free_at != math.inf else UNKNOWN_WAIT_S
        headers = {"retry-after": str(math.ceil(wait_s)), "retry-after-ms": str(math.ceil(wait_s * 1000))}
        if all(endpoint.state.reason(now, waiter.units, 1.0).startswith(DOWN) for endpoint in left):
            message = f"No endpoint of the model {name} is up."
            return ApiError(503, message, code="service_unavailable", headers=headers)
        why = "too many requests wait for it already" if full else "every endpoint is at its limit"
        message = f"The model {name} cannot take the request: {why}."
        return ApiError(429, message, code="rate_limit_exceeded", headers=headers)

    def _may_help(self, waiter: Waiter, now: float) -> bool:
        """Whether waiting can end well: some endpoint is left whose key is not the trouble."""
        left = self._router.left(waiter.ask, waiter.tried, waiter.model)
        return any(e.state.key.usable or 0 < e.state.key.probe_at <= now for e in left)

    def _leave(self, lane: deque[Waiter], waiter: Waiter) -> None:
        """Take one out who gave up; a place that came at the same moment goes to the next."""
        if waiter in lane:
            lane.remove(waiter)
        place = waiter.place
        if place.done() and not place.cancelled():
            place.result().release()
        self.serve(waiter.model.state)

    def _set_timer(self, state: ModelState, now: float, at: float) -> None:
        timer = self._timers.pop(id(state), None)
        if timer is not None:
            timer.cancel()
        if at == math.inf or not (state.interactive or state.batch):
            return
        later = self._call_later or asyncio.get_running_loop().call_later
        self._timers[id(state)] = later(max(at - now, LEAST_PAUSE_S), lambda: self.serve(state))
