"""Which of two speaks when a configuration changes: the folder on disk, or in a cluster the API that it is a copy of.

The API knows an edit at once, the kubelet's copy up to a minute later. So the API is believed. A change on disk counts
when the API, asked again, does not answer; and not if it is an older state, while the newer may be on its way.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from common import config_disk
from common.config_map import ApiFailure, ConfigMap, ConfigMapApi
from common.config_texts import ConfigTexts
from common.config_watch import ConfigMapWatch
from common.yaml_text import ConfigError

# An edit is taken after two looks that agree (a half-written file must not be taken), so after 0.5 s at most.
POLL_S = 0.25
# The kubelet syncs a mounted ConfigMap once a minute, and its cache may be as old again.
ON_ITS_WAY_S = 120.0
LOOK_AGAIN_S = 5.0
STOP_S = 1.0
REMEMBERED = 32


@dataclass(frozen=True)
class Found:
    """What the configuration is from now on, or why it cannot be read; by the API with the ConfigMap itself."""

    texts: ConfigTexts | ConfigError
    source: str
    config_map: ConfigMap | None = None


class Follower:
    """Calls `take`, always in a thread and never twice at a time, with what is to be put in force."""

    def __init__(self, path: Path, seen: object, take: Callable[[Found], None]) -> None:
        """`seen`: the stamp of what was read from `path` already."""
        self._path = path
        self._seen = seen
        self._take = take
        self._api: ConfigMapApi | None = None
        self._name = ""
        self._woken = asyncio.Event()
        # The newest state by the API that is not yet taken; latest wins.
        self._news: list[ConfigMap | None] = []
        self._told: deque[ConfigTexts | ConfigError] = deque(maxlen=REMEMBERED)
        self._told_version: tuple[str, str] | None = None
        self._told_at = 0.0
        self._not_before = 0.0

    @asynccontextmanager
    async def watching(self, api: ConfigMapApi, name: str, service: str) -> AsyncGenerator[None]:
        """Listen to the API as well while the context is open."""
        loop = asyncio.get_running_loop()

        def news(found: ConfigMap | None) -> None:
            self._news[:] = [found]
            # At the very end the loop may be gone before the watch is.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._woken.set)

        self._api, self._name = api, name
        watch = ConfigMapWatch(api, name, service=service, news=news)
        watch.start()
        try:
            yield
        finally:
            await asyncio.to_thread(watch.stop, STOP_S)

    async def follow(self) -> None:
        """Until cancelled."""
        previous = self._seen
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._woken.wait()
            if self._woken.is_set():
                self._woken.clear()
                await asyncio.to_thread(self._take_news)
                continue
            stamp = await asyncio.to_thread(config_disk.stamp, self._path)
            if stamp != self._seen and stamp == previous and time.monotonic() >= self._not_before:
                if await asyncio.to_thread(self._take_file):
                    self._seen = stamp
                else:
                    self._not_before = time.monotonic() + LOOK_AGAIN_S
            previous = stamp

    def _take_news(self) -> None:
        if self._news:
            self._believe(self._news.pop())

    def _believe(self, config_map: ConfigMap | None) -> None:
        """Put in force what the API says."""
        version = None if config_map is None else (config_map.uid, config_map.version)
        if version is not None and version == self._told_version:
            return
        self._told_version = version
        self._told_at = time.monotonic()
        source = f"ConfigMap {self._name}"
        if config_map is None:
            gone = ConfigError(f"the ConfigMap {self._name} does not exist; create it again")
            self._take(Found(gone, source))
            return
        found = Found(_texts(config_map), source, config_map)
        self._told.append(found.texts)
        self._take(found)

    def _take_file(self) -> bool:
        """The disk has changed; False when it is to be looked at again later."""
        texts = _read(self._path)
        if self._api is None:
            self._take(Found(texts, str(self._path)))
            return True
        if self._told and texts == self._told[-1]:
            return True
        try:
            self._believe(self._api.get(self._name))
        except ApiFailure:
            if texts in self._told and time.monotonic() - self._told_at < ON_ITS_WAY_S:
                return False
            # Once the API answers again, what it says is news, whatever it was before.
            self._told_version = None
            self._take(Found(texts, str(self._path)))
        return True


def _texts(config_map: ConfigMap) -> ConfigTexts | ConfigError:
    try:
        return config_map.texts()
    except ConfigError as error:
        return error


def _read(path: Path) -> ConfigTexts | ConfigError:
    try:
        return config_disk.read(path)
    except ConfigError as error:
        return error
