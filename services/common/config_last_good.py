"""The last good configuration in a ConfigMap, so that a pod that comes up on a bad edit starts on what serves."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from common.config_map import ApiFailure, ConfigMap, ConfigMapApi
from common.config_texts import BASE
from common.config_watch import pause
from common.yaml_text import ConfigError

# Pods that see one edit together: the first writes, the others find that it is written.
SPREAD_S = 1.0
MOST_CONFLICTS = 5


@dataclass(frozen=True)
class Good:
    """A configuration that was put in force, and the version of the ConfigMap that said so."""

    text: str
    hash: str
    uid: str
    version: str

    def keys(self) -> dict[str, str]:
        """As the ConfigMap holds it."""
        return {BASE: self.text, "hash": self.hash, "source-uid": self.uid, "source-version": self.version}

    def is_older_than(self, kept: ConfigMap) -> bool:
        """Whether what is kept comes from a later edit of the same ConfigMap."""
        version = kept.data.get("source-version", "")
        # Versions of one object can be compared as numbers (KEP-5504); any others say nothing.
        comparable = kept.data.get("source-uid") == self.uid and version.isdecimal() and self.version.isdecimal()
        return comparable and int(version) > int(self.version)


class LastGoodMap:
    """The ConfigMap of that name, which the chart makes without keys and pods fill."""

    def __init__(self, api: ConfigMapApi, name: str, failed: Callable[[str], None]) -> None:
        self._api = api
        self._name = name
        self._failed = failed
        self._offered = asyncio.Event()
        self._newest: Good | None = None

    def __str__(self) -> str:
        return f"ConfigMap {self._name}"

    def load(self) -> str | None:
        """Its text; None when none was kept. Blocks for a few seconds at most; raises ConfigError."""
        try:
            return self._api.get(self._name).data.get(BASE)
        except ApiFailure as failure:
            raise ConfigError(str(failure)) from None

    def keep(self, good: Good) -> bool:
        """Write it unless the same or a later one is there; whether it was written. Blocks; raises ApiFailure."""
        for _ in range(MOST_CONFLICTS):
            there = self._api.get(self._name)
            if there.data.get(BASE) == good.text or good.is_older_than(there):
                return False
            try:
                self._api.patch(self._name, good.keys(), there.version)
            except ApiFailure as failure:
                # Another pod wrote meanwhile: look at what.
                if failure.reason != "conflict":
                    raise
            else:
                return True
        raise ApiFailure("conflict", f"others wrote it {MOST_CONFLICTS} times meanwhile")

    def offer(self, good: Good) -> None:
        """Have it kept, from the loop; only the newest offered one counts."""
        self._newest = good
        self._offered.set()

    async def keeping(self) -> None:
        """Keep what is offered, beside everything else, until cancelled. A failure is told, and tried again later."""
        failures = 0
        while True:
            await self._offered.wait()
            await asyncio.sleep(random.uniform(0, SPREAD_S) if not failures else pause(failures + 3))  # noqa: S311
            good = self._newest
            if good is None:
                continue
            self._offered.clear()
            try:
                await asyncio.to_thread(self.keep, good)
                failures = 0
            except ApiFailure as failure:
                failures += 1
                self._failed(f"{self}: {failure}")
                self._offered.set()
