"""What callers may use: their models, and their limits of requests, tokens, concurrency and spend."""

import asyncio
import math
import time
from collections.abc import Callable
from typing import get_args

from common.authenticator import Caller
from common.errors import ApiError, not_found, unavailable
from common.logs import get_logger
from common.metrics import counter
from llm_proxy.accounts import Account, money_of, need_of, settle, tokens_of
from llm_proxy.ask import Ask, Usage
from llm_proxy.ledger import Draw, Grant, Ledger, LedgerError, MemoryLedger
from llm_proxy.plan import ModelPlan, Plan
from llm_proxy.pool_state import labels_of
from llm_proxy.prices import Price
from llm_proxy.purse import MONEY, Kind, Purse

log = get_logger("callers")
REFUSED = counter(
    "pool_caller_refused_total", "Requests refused for a limit of their key", ["limit"], at_zero=get_args(Kind)
)
COST = counter(
    "pool_caller_cost_total",
    "Cost by the price table, in its currency; callers that the configuration does not name are `other`",
    ["tenant", "key", "currency"],
)
LEDGER_FAILURES = counter("pool_ledger_failures_total", "Draws that did not reach the ledger of callers' limits")

# How often one who waits for the reservations of others to settle asks again.
ASK_AGAIN_S = 0.1
# When a place of concurrency, or what requests in flight hold, comes back is not known.
SOON_S = 1.0
MOST_WAITING = 1000
# What a process holds is told again in this time, or it would be taken for dead.
TELL_AGAIN_S = 15.0
WORDS: dict[Kind, str] = {
    "requests": "its limit of requests per minute",
    "tokens": "its limit of tokens per minute",
    "concurrency": "its limit of requests at the same time",
    "spend": "its budget",
}


class Lease:
    """What one request holds of its caller's limits until it is settled."""

    __slots__ = ("_account", "_callers", "_money", "_periods", "_price", "_settled", "_tokens")

    def __init__(
        self, callers: "Callers", account: Account, price: Price, tokens: int, money: int, periods: tuple[int, int]
    ) -> None:
        self._callers = callers
        self._account = account
        self._price = price
        self._tokens = tokens
        self._money = money
        self._periods = periods
        self._settled = False

    def settle(self, usage: Usage | None = None, cost: float | None = None) -> None:
        """The call is over, however it ended; once is enough. `usage` None: nothing was used, but the request counts.

        `cost` is in the price table's currency; None: the usage at the price of the model's dearest endpoint.
        """
        if self._settled:
            return
        self._settled = True
        account = self._account
        self._callers.count(account, self._price.cost(usage) if cost is None and usage is not None else cost)
        if not account.purses:
            return
        if account.tokens is not None:
            used = 0 if usage is None else usage.prompt_tokens + usage.completion_tokens
            settle(account.tokens, self._periods[0], self._tokens, used)
        if account.spend is not None:
            if cost is None:
                cost = 0.0 if usage is None else self._price.cost(usage)
            settle(account.spend, self._periods[1], self._money, math.ceil(cost * MONEY))
        if account.concurrency is not None and account.concurrency.out > 0:
            settle(account.concurrency, account.concurrency.period, 1, 0)
        self._callers.after_settlement(account)


class Callers:
    """The limits of every caller. All but `fund` and `tend` is taken from memory."""

    def __init__(
        self,
        plan: Plan,
        ledger: Ledger | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        ask_again_s: float = ASK_AGAIN_S,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._ask_again_s = ask_again_s
        self._ledger: Ledger = ledger or MemoryLedger(wall)
        # While the ledger is away rates still hold in each process; budgets are not handed out.
        self._fallback = MemoryLedger(wall)
        self._accounts: dict[str, Account] = {}
        self._asked: dict[str, Caller] = {}
        self._draws: dict[Purse, asyncio.Task[Grant]] = {}
        self.use(plan)

    def use(self, plan: Plan) -> None:
        """Take another plan into force; what was used stays used."""
        self._plan = plan
        self._by_caller: dict[tuple[str, str], Account] = {}
        # Not only with their next request: who used a budget up may have stopped asking, and is shown all the same.
        for caller in self._asked.values():
            self._account(caller)

    def keep_in(self, ledger: Ledger) -> None:
        """Use this ledger from now on."""
        self._ledger = ledger
        for account in self._accounts.values():
            account.limits = None
        self._by_caller = {}

    def admit(self, ask: Ask) -> Lease | None:
        """The request's share of its caller's limits; None when the ledger must be asked first: `await fund(ask)`.

        Raises ApiError: 404 for a model that the caller may not use, naming those it may; 429 over a limit.
        """
        caller = ask.caller
        account = self._by_caller.get((caller.key_id, caller.tenant)) or self._account(caller)
        model = self._plan.models.get(ask.model)
        if model is None or (account.models is not None and ask.model not in account.models):
            raise self._unknown(ask.model, account)
        if not account.purses:
            return Lease(self, account, model.price, 0, 0, (0, 0))
        lease = self._take(account, ask, model, None)
        if lease is None:
            for purse in account.purses:
                if purse.dry_until:
                    self._refuse_dry(purse, need_of(purse, ask, model))
        return lease

    async def fund(self, ask: Ask) -> Lease:
        """As `admit`, after asking the ledger; raises ApiError 429 with a truthful Retry-After.

        Near the end of a budget, when the estimates of requests in flight hold the rest, it waits for them to settle:
        then requests go one by one, and the last may cost more than was left.
        """
        account = self._account(ask.caller)
        if account.waiting >= MOST_WAITING:
            raise self._refusal("spend" if account.spend else "requests", SOON_S)
        account.waiting += 1
        try:
            # One at a time: a crowd that asks for the same would only wake one another.
            async with asyncio.timeout(ask.deadline.remaining()), account.turn:
                while True:
                    lease = self.admit(ask)
                    if lease is not None:
                        return lease
                    # `admit` above saw to it that the model is there.
                    model = self._plan.models[ask.model]
                    account.settled.clear()
                    alone, blocked = await self._fill(account, ask, model)
                    lease = self._take(account, ask, model, alone)
                    if lease is not None:
                        return lease
                    if blocked:
                        await _happens(account.settled, self._ask_again_s)
        except TimeoutError:
            raise self._refusal("spend" if account.spend else "requests", SOON_S) from None
        finally:
            account.waiting -= 1

    def may_use(self, caller: Caller) -> list[str]:
        """The models that the caller may ask, in the order of the configuration."""
        models = self._account(caller).models
        return [name for name in self._plan.models if models is None or name in models]

    def count(self, account: Account, cost: float | None) -> None:
        """A call on the account has cost so much."""
        if cost:
            COST.labels(*account.labels, self._plan.config.prices.currency).inc(cost)

    @property
    def accounts(self) -> list[Account]:
        """Those that have asked for something."""
        return list(self._accounts.values())

    def after_settlement(self, account: Account) -> None:
        """Wake who waits, and give back at once what others may be waiting for."""
        if account.waiting:
            account.settled.set()
            return
        if self._ledger.slices == 1:
            return
        for purse in account.purses:
            if purse.tight and (purse.idle or purse.spent):
                self._draw_later(purse, 0, keep=False)

    async def tend(self) -> None:
        """Once a second: tell the ledger what was spent, give back what nobody uses, show that we live."""
        now, wall = self._clock(), self._wall()
        for account in list(self._accounts.values()):
            for purse in account.purses:
                if now >= purse.ends_at:
                    purse.begin(now, wall)
                held = purse.idle + purse.out
                stale = now - purse.drawn_at >= TELL_AGAIN_S and (held or purse.spent)
                unused = purse.rested and (purse.idle or purse.spent) and self._ledger.slices > 1
                if (stale or unused) and purse not in self._draws:
                    await asyncio.wait({self._draw_later(purse, 0, keep=not unused)})
                purse.rested = True

    async def close(self) -> None:
        """Give everything back: a restart must cost no caller a slice."""
        for account in self._accounts.values():
            for purse in account.purses:
                while purse in self._draws:
                    await asyncio.wait({self._draws[purse]})
                if purse.idle or purse.spent:
                    await asyncio.wait({self._draw_later(purse, 0, keep=False)})

    def _account(self, caller: Caller) -> Account:
        """The caller's account with the limits in force: those of its key, else its tenant's, else the default."""
        callers = self._plan.config.callers
        limits = callers.keys.get(caller.key_id) or callers.keys.get(caller.key_name)
        limits = limits or callers.tenants.get(caller.tenant) or callers.default
        name = f"{caller.tenant}/{caller.key_id}"
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = Account()
            self._asked[name] = caller
        account.use(name, limits, self._ledger.slices)
        account.labels = labels_of(caller.tenant, caller.key_id, caller.key_name, callers)
        self._by_caller[caller.key_id, caller.tenant] = account
        return account

    def _take(self, account: Account, ask: Ask, model: ModelPlan, alone: Purse | None) -> Lease | None:
        """Take what the request needs from every purse, or from none. `alone`: what it holds is enough."""
        now = self._clock()
        requests, tokens, concurrency, spend = account.requests, account.tokens, account.concurrency, account.spend
        units = money = 0
        if requests is not None and (now >= requests.ends_at or requests.idle < 1):
            return None
        if concurrency is not None and concurrency.idle < 1:
            return None
        if tokens is not None:
            units = tokens_of(ask, model)
            if now >= tokens.ends_at or (tokens.idle < units and not (tokens is alone and _whole(tokens))):
                return None
            units = min(units, tokens.idle)
        if spend is not None:
            money = money_of(ask, model)
            if now >= spend.ends_at or (spend.idle < money and not (spend is alone and _whole(spend))):
                return None
            money = min(money, spend.idle)
        if requests is not None:
            requests.idle -= 1
            requests.spent += 1
            requests.rested = False
            if requests.idle < requests.low:
                self._draw_later(requests, 1, keep=True)
        if concurrency is not None:
            concurrency.idle -= 1
            concurrency.out += 1
            concurrency.rested = False
        periods = 0, 0
        if tokens is not None:
            tokens.idle -= units
            tokens.out += units
            tokens.rested = False
            periods = tokens.period, 0
            if tokens.idle < tokens.low:
                self._draw_later(tokens, 1, keep=True)
        if spend is not None:
            spend.idle -= money
            spend.out += money
            spend.rested = False
            periods = periods[0], spend.period
            if spend.idle < spend.low:
                self._draw_later(spend, 1, keep=True)
        return Lease(self, account, model.price, units, money, periods)

    async def _fill(self, account: Account, ask: Ask, model: ModelPlan) -> tuple[Purse | None, bool]:
        """Ask the ledger for what is missing; raises ApiError 429 when it will not come.

        Returns the purse that was given all that is left, if one was, and whether something is missing that requests
        in flight may yet give back.
        """
        alone, blocked = None, False
        for purse in account.purses:
            need = need_of(purse, ask, model)
            while purse in self._draws:
                await asyncio.wait({self._draws[purse]})
            purse.begin(self._clock(), self._wall())
            if purse.idle >= need:
                continue
            self._refuse_dry(purse, need)
            # What is out now the ledger counts as held, even if it settles before the answer comes.
            out = purse.out
            try:
                draw = self._draw_later(purse, need, keep=False, together=account.waiting)
                grant = await asyncio.shield(draw)
            except LedgerError as error:
                log.error("ledger_away", reason=str(error))
                raise unavailable("The budget of this key cannot be checked at the moment.") from None
            if grant.alone:
                alone = purse
            elif not grant.units:
                # For budgets alone: nobody is kept waiting for another limit.
                held = out or grant.others
                if purse.kind != "spend" or not held:
                    purse.dry(self._clock(), need, for_good=not held)
                    raise self._refusal(purse.kind, self._wait_s(purse))
                blocked = True
        return alone, blocked

    def _refuse_dry(self, purse: Purse, need: int) -> None:
        """Refuse without asking the ledger again what it has just said."""
        if need >= purse.dry_need and self._clock() < purse.dry_until:
            raise self._refusal(purse.kind, self._wait_s(purse))

    def _wait_s(self, purse: Purse) -> float:
        return SOON_S if purse.kind == "concurrency" else max(0.001, purse.ends_at - self._clock())

    def _draw_later(self, purse: Purse, least: int, *, keep: bool, together: int = 1) -> "asyncio.Task[Grant]":
        task = self._draws.get(purse)
        if task is None:
            draw = purse.draw(least, together, keep=keep)
            task = self._draws[purse] = asyncio.create_task(self._draw(purse, draw))
            task.add_done_callback(_seen)
        return task

    async def _draw(self, purse: Purse, draw: Draw) -> Grant:
        purse.drawn_at = self._clock()
        try:
            try:
                grant = await self._ledger.draw(draw)
            except LedgerError:
                LEDGER_FAILURES.inc()
                purse.lost(draw)
                if purse.kind == "spend":
                    raise
                grant = await self._fallback.draw(draw)
            purse.granted(grant)
            return grant
        finally:
            self._draws.pop(purse, None)

    def _unknown(self, model: str, account: Account) -> ApiError:
        known = ", ".join(sorted(n for n in self._plan.models if account.models is None or n in account.models))
        there = f"There are: {known}" if known else "There are none that this key may use."
        return not_found(f"The model {model[:80]!r} does not exist. {there}", "model")

    def _refusal(self, kind: Kind, wait_s: float) -> ApiError:
        REFUSED.labels(kind).inc()
        headers = {"retry-after": str(math.ceil(wait_s)), "retry-after-ms": str(math.ceil(wait_s * 1000))}
        code = "insufficient_quota" if kind == "spend" else "rate_limit_exceeded"
        return ApiError(429, f"This key has reached {WORDS[kind]}.", code=code, headers=headers)


def _whole(purse: Purse) -> bool:
    """Whether all that was left of the limit still lies here, since it was handed out to a request that is alone."""
    return purse.idle > 0 and not purse.out


async def _happens(event: asyncio.Event, within_s: float) -> None:
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        pass


def _seen(task: "asyncio.Task[Grant]") -> None:
    """A draw that nobody waits for may fail; it was counted, and the next one tells the same again."""
    if not task.cancelled():
        task.exception()
