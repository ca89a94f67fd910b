"""Gives each call an endpoint: at once when one is free, in the order of lanes when all are limited."""

import random
import time
from collections.abc import Callable, Mapping

from common.errors import not_found
from llm_proxy import explanation
from llm_proxy.ask import Ask, Candidate, Tried
from llm_proxy.balancer import choose
from llm_proxy.failures import MANY, RULES, Failure, Next
from llm_proxy.plan import Endpoint, ModelPlan, Plan
from llm_proxy.waiting import CallLater, Waiter, WaitingRoom


class Reservation:
    """An endpoint's place for one call. Always `release` it; the verdict comes before."""

    __slots__ = ("_ask", "_auth", "_probe", "_released", "_router", "_tried", "endpoint", "model", "waited_s")

    def __init__(
        self, router: "Router", ask: Ask, tried: Tried, model: ModelPlan, endpoint: Endpoint, probe: bool
    ) -> None:
        self.endpoint = endpoint
        self.model = model
        self.waited_s = 0.0
        self._router = router
        self._ask = ask
        self._tried = tried
        self._auth = endpoint.state.key.header
        self._probe = probe
        self._released = False

    @property
    def auth(self) -> tuple[str, str] | None:
        """The header with the key that this call carries; a refusal is held against this key alone."""
        return self._auth

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take what any answer's headers say of the endpoint's limits. `headers.get` must ignore case."""
        self.endpoint.state.learn(headers, self._router.clock())

    def succeeded(self, first_byte_s: float) -> None:
        """The answer's content began after so long. A failure may still follow, once."""
        state = self.endpoint.state
        state.answered(self._router.clock(), first_byte_s)
        breaker = state.breaker
        if self._probe or breaker.failures:
            breaker.succeeded(self._probe)
            self._probe = False
            state.look()

    def failed(self, failure: Failure, retry_after_s: float | None = None) -> Next:
        """What the failure means for the request; the endpoint's state follows. Releases."""
        router, state, tried = self._router, self.endpoint.state, self._tried
        now = router.clock()
        rule = RULES[failure]
        rotated = False
        if rule.counts:
            state.breaker.failed(self._probe, now, router.plan.config.breaker)
            if retry_after_s:
                state.aside(now + retry_after_s)
        elif failure in (Failure.KEY_REFUSED, Failure.KEY_MISSING):
            if failure is Failure.KEY_REFUSED:
                rotated = not state.key.refused(self._auth)
            if self._probe:
                state.breaker.abandoned(now)
        else:
            state.breaker.succeeded(self._probe)
        self._probe = False
        if failure is Failure.LIMITED:
            state.limited(now, retry_after_s)
        state.look()
        self.release()
        # What is limited is barred by its own state, and may be waited for; a rotated key may be used at once.
        if failure is not Failure.LIMITED and not rotated and self.endpoint not in tried.endpoints:
            tried.endpoints.append(self.endpoint)
        return router.next(self._ask, tried, failure, now)

    def release(self) -> None:
        """The call is over; once is enough, more do no harm."""
        if self._released:
            return
        self._released = True
        state = self.endpoint.state
        state.in_flight -= 1
        if self._probe:
            state.breaker.abandoned(self._router.clock())
            state.look()
        waiting = self.model.state
        if waiting.interactive or waiting.batch:
            self._router.room.serve(waiting)


class Router:
    """The choice of endpoints for the plan in force."""

    def __init__(
        self,
        plan: Plan,
        *,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
        call_later: CallLater | None = None,
    ) -> None:
        self.clock = clock
        self._draw = draw
        self.use(plan)
        self.room = WaitingRoom(self, call_later)

    def use(self, plan: Plan) -> None:
        """Take another plan into force; requests that began on the old one end on it."""
        self.plan = plan
        self._spill_at = plan.config.spill.at
        self._batch_share = plan.config.lanes.batch_share
        self._most_calls = plan.config.retry.most_calls

    def reserve(self, ask: Ask, tried: Tried) -> Reservation | None:
        """A place for the call; None when it must `wait`. Raises ApiError: 404 unknown model, 502 none is left."""
        now = self.clock()
        model = tried.model
        if model is None:
            model = self.begin(ask, tried)
            model.state.retries.earn(now)
        waiting = model.state
        if waiting.interactive or (waiting.batch and ask.lane == "batch"):
            return None
        return self.take(ask, tried, model, now)

    async def wait(self, ask: Ask, tried: Tried) -> Reservation:
        """A place as soon as there is one: interactive before batch, in order of arrival, inside the deadline.

        Raises ApiError: 429 with Retry-After when that is too late or too many wait, 502/503 when no endpoint is left.
        """
        return await self.room.wait(ask, tried, tried.model or self.begin(ask, tried))

    def begin(self, ask: Ask, tried: Tried) -> ModelPlan:
        """The plan of the model asked for, kept in `tried`; raises ApiError 404."""
        model = self.plan.models.get(ask.model)
        if model is None:
            known = ", ".join(sorted(self.plan.models))
            raise not_found(f"The model {ask.model[:80]!r} does not exist. There are: {known}", "model")
        tried.model = model
        return model

    def take(self, ask: Ask, tried: Tried, model: ModelPlan, now: float) -> Reservation | None:
        """A place now, whoever waits; None when there is none."""
        units = ask.prompt_tokens + (model.default_max_tokens if ask.max_tokens is None else ask.max_tokens)
        endpoint = choose(
            model.embedding_groups if ask.operation == "embeddings" else model.groups,
            tried.endpoints,
            units,
            self._batch_share if ask.lane == "batch" else 1.0,
            now,
            self._spill_at,
            model.state.retries.scarce(now),
            self._draw,
        )
        if endpoint is None:
            return None
        tried.calls += 1
        return Reservation(self, ask, tried, model, endpoint, endpoint.state.take(now, units))

    def next(self, ask: Ask, tried: Tried, failure: Failure, now: float) -> Next:
        """What a request does after a failure."""
        model, rule = tried.model, RULES[failure]
        assert model is not None
        if failure is Failure.CONTEXT_LENGTH and model.larger is not None and tried.calls < self._most_calls:
            tried.model = model.larger
            tried.endpoints.clear()
            return Next.LARGER
        if rule.retries < MANY:
            tried.broken += 1
        if tried.broken > rule.retries or tried.calls >= self._most_calls:
            return Next.STOP
        if len(self.left(ask, tried, model)) == 0:
            return Next.STOP
        return Next.RETRY if model.state.retries.spend(now) else Next.STOP

    def left(self, ask: Ask, tried: Tried, model: ModelPlan) -> list[Endpoint]:
        """The endpoints that the request may still try, now or later."""
        groups = model.embedding_groups if ask.operation == "embeddings" else model.groups
        return [e for group in groups for e in group if e not in tried.endpoints]

    def free_at(self, waiter: Waiter, now: float) -> float:
        """When the first endpoint is free for the one who waits; infinity when only an event can tell."""
        share = self._batch_share if waiter.ask.lane == "batch" else 1.0
        left = self.left(waiter.ask, waiter.tried, waiter.model)
        return min((e.state.free_at(now, waiter.units, share) for e in left), default=float("inf"))

    def explain(self, ask: Ask) -> list[Candidate]:
        """Every endpoint of the model with why it would be taken or not, and until when; nothing is sent."""
        tried = Tried()
        return explanation.explain(
            self.begin(ask, tried), ask, self.clock(), self._batch_share, self._spill_at, self._draw
        )
