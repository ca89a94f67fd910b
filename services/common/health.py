"""`/livez`, `/readyz`, `/healthz` and the checks behind them: probes never depend on others, the deep report does."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from common.logs import get_logger
from common.metrics import gauge

log = get_logger("health")
DEPENDENCY_UP = gauge("dependency_up", "1 while a dependency answers its health check", ["service", "dependency"])

# A deep report is asked for by pages and alerts; answers this young are shared, so that polling costs nothing.
REPORT_AGE_S = 1.0


@dataclass(frozen=True)
class Check:
    """One dependency. A critical one makes the service `down`; another leaves it `degraded`."""

    name: str
    run: Callable[[], Awaitable[Any]]
    critical: bool
    timeout_s: float


@dataclass
class Health:
    """The state that the probes report."""

    service: str
    draining: bool = False
    checks: list[Check] = field(default_factory=list[Check])
    not_ready: dict[str, Callable[[], str | None]] = field(default_factory=dict[str, Callable[[], str | None]])
    full: dict[str, Callable[[], str | None]] = field(default_factory=dict[str, Callable[[], str | None]])
    _report: dict[str, Any] | None = None
    _report_at: float = 0.0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def add(self, name: str, run: Callable[[], Awaitable[Any]], *, critical: bool, timeout_s: float = 2.0) -> None:
        """Add a dependency: `run` raises, or takes too long, when it is not well."""
        self.checks.append(Check(name, run, critical, timeout_s))

    def ready_when(self, name: str, reason: Callable[[], str | None]) -> None:
        """Add a condition of readiness: `reason` says why the service cannot take requests, None when it can."""
        self.not_ready[name] = reason

    def full_when(self, name: str, reason: Callable[[], str | None]) -> None:
        """Add a limit of load: `reason` says what is full, None when there is room.

        The deep report tells of it, readiness does not: when every pod is full, none would be left to say so, or to do
        what needs no room (docs/decisions/0013-full-is-not-unready.md).
        """
        self.full[name] = reason

    def unready_reasons(self) -> dict[str, str]:
        """Why requests should not come here now; empty when they may."""
        reasons = {name: reason for name, ask in self.not_ready.items() if (reason := ask())}
        if self.draining:
            reasons["draining"] = "the process is ending"
        return reasons

    async def report(self) -> dict[str, Any]:
        """The deep report: state of the service and of each dependency, with its latency in milliseconds."""
        async with self._lock:
            if self._report is None or time.monotonic() - self._report_at > REPORT_AGE_S:
                parts = await asyncio.gather(*(self._run(check) for check in self.checks))
                self._report = self._summary(dict(zip((c.name for c in self.checks), parts, strict=True)))
                self._report_at = time.monotonic()
            return self._report

    async def _run(self, check: Check) -> dict[str, Any]:
        began = time.perf_counter()
        state: Literal["ok", "down"] = "ok"
        problem = None
        try:
            async with asyncio.timeout(check.timeout_s):
                await check.run()
        except Exception as error:  # noqa: BLE001 - whatever a dependency throws, the report is the answer
            state = "down"
            # The kind of failure, not its text: this page is open, and messages carry hosts and users.
            problem = "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
            log.warning("dependency_down", dependency=check.name, error=str(error) or type(error).__name__)
        DEPENDENCY_UP.labels(self.service, check.name).set(state == "ok")
        part: dict[str, Any] = {"state": state, "critical": check.critical}
        part["latency_ms"] = round((time.perf_counter() - began) * 1000, 1)
        if problem:
            part["problem"] = problem
        return part

    def _summary(self, parts: dict[str, dict[str, Any]]) -> dict[str, Any]:
        down = [name for name, part in parts.items() if part["state"] == "down"]
        full = {name: reason for name, ask in self.full.items() if (reason := ask())}
        critical = any(parts[name]["critical"] for name in down) or bool(self.unready_reasons())
        degraded = [*down, *full]
        state = "down" if critical else "degraded" if degraded else "ok"
        return {"service": self.service, "state": state, "degraded": degraded, "full": full, "dependencies": parts}
