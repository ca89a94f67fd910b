"""Tunables that change while a service runs: found → parsed → validated → one immutable snapshot swapped in.

A bad edit is refused with its key and reason, and the last good configuration keeps serving, over restarts too.
Where edits are found, on disk or by the Kubernetes API, is the matter of `common.config_follow`.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from common import config_disk
from common.config_disk import LastGoodFile
from common.config_follow import Follower, Found
from common.config_last_good import Good, LastGoodMap
from common.config_map import ConfigMap, ConfigMapApi
from common.config_texts import ConfigTexts
from common.logs import get_logger
from common.metrics import counter, gauge
from common.yaml_text import ConfigError

if TYPE_CHECKING:
    from common.settings import ServiceSettings

log = get_logger("live_config")
RELOAD_SUCCESS = gauge("config_reload_success", "1 while the configuration file is the one in force", ["service"])
RELOADS = counter("config_reloads_total", "Edits of the configuration file, by result", ["service", "result"])
CONFIG_HASH = gauge("config_info", "Always 1; the hash of the configuration in force", ["service", "hash"])
SUBSCRIBER_FAILURES = counter(
    "config_subscriber_failures_total", "Failed reactions to a new configuration", ["service"]
)


NOTHING_EARLIER = "(and there is no earlier good configuration to start on)"


class Tunables(BaseModel):
    """Base of every service's tunables: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Snapshot(Generic[T]):
    """One configuration in force. A request takes it once and keeps it to its end."""

    value: T
    hash: str
    source: str
    loaded_at: float


@dataclass(frozen=True)
class Refusal:
    """Why the file as it stands now is not in force."""

    reason: str
    key: str | None
    line: int | None
    at: float


def config_hash(value: BaseModel) -> str:
    """12 hexadecimal digits over the effective values, so that two ways to write the same thing agree."""
    canonical = json.dumps(value.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class InCluster:
    """The ConfigMaps of this pod: the one that is mounted at the path, and the one for the last good configuration."""

    api: ConfigMapApi
    config_map: str
    last_good: str | None = None

    @classmethod
    def of(cls, settings: "ServiceSettings") -> "InCluster | None":
        """As the settings say; raises ValueError where they cannot be followed."""
        if settings.config_map is None:
            return None
        server = settings.api_server()
        if server is None:
            raise ValueError(
                "FAIRLEAD_CONFIG_MAP is set, but this is no pod: leave it out, or set FAIRLEAD_KUBERNETES_URL"
            )
        return cls(ConfigMapApi(server), settings.config_map, settings.last_good_config_map)


class LiveConfig(Generic[T]):
    """The tunables of one service, of type `model`, from the file or folder `path` (None: the defaults, for good)."""

    def __init__(
        self,
        model: type[T],
        path: Path | None,
        *,
        service: str,
        last_good_dir: Path | None = None,
        validate_extra: Callable[[T], None] | None = None,
        cluster: InCluster | None = None,
    ) -> None:
        self.model = model
        self.path = path
        self.service = service
        self._cluster = cluster
        self._file = LastGoodFile(last_good_dir / f"{service}.yaml") if last_good_dir else None
        self._map: LastGoodMap | None = None
        if cluster is not None and cluster.last_good is not None:
            self._map = LastGoodMap(cluster.api, cluster.last_good, self._not_kept)
        self._said = ""
        self._validate_extra = validate_extra
        # What was judged last, in force or refused.
        self._texts: ConfigTexts | None = None
        self._subscribers: list[Callable[[Snapshot[T]], None]] = []
        self._current: Snapshot[T] | None = None
        self._refusal: Refusal | None = None
        self._seen: object = None
        self._loop: asyncio.AbstractEventLoop | None = None
        for result in ("applied", "refused", "not_kept"):
            # There before the first edit, so that it is an increase.
            RELOADS.labels(service, result)

    @classmethod
    def of(
        cls, model: type[T], settings: "ServiceSettings", validate_extra: Callable[[T], None] | None = None
    ) -> "LiveConfig[T]":
        """That of a service, loaded; raises ConfigError when there is no valid configuration to start on."""
        live = cls(
            model,
            settings.config_file,
            service=settings.service,
            last_good_dir=settings.last_good_dir,
            validate_extra=validate_extra,
            cluster=InCluster.of(settings),
        )
        live.load()
        return live

    @property
    def current(self) -> Snapshot[T]:
        """The configuration in force; raises RuntimeError before `load`."""
        if self._current is None:
            raise RuntimeError("LiveConfig.load() has not been called")
        return self._current

    @property
    def refusal(self) -> Refusal | None:
        """Why the file is not in force; None when it is."""
        return self._refusal

    def subscribe(self, react: Callable[[Snapshot[T]], None]) -> None:
        """Call `react` with every later snapshot; a failure of it is counted and never undoes the swap."""
        self._subscribers.append(react)

    def load(self) -> Snapshot[T]:
        """Start-up: the file, else the last good one, else (without a path) the defaults; raises ConfigError."""
        if self.path is None:
            self._swap(self.model(), "defaults")
            return self.current
        if self._cluster is not None and self.path.is_file():
            raise ConfigError(f"{self.path} is a file: FAIRLEAD_CONFIG_MAP needs the folder that it is mounted at")
        # The look comes before the read: an edit in between is then seen as a change.
        self._seen = config_disk.stamp(self.path)
        try:
            self._texts = config_disk.read(self.path)
            value = self._judge(self._texts)
        except ConfigError as error:
            self._load_last_good(error)
        else:
            self._swap(value, str(self.path))
            self._keep(self._texts)
        return self.current

    @asynccontextmanager
    async def watch(self) -> AsyncGenerator[None]:
        """Follow the configuration while the context is open."""
        if self.path is None:
            yield
            return
        async with AsyncExitStack() as stack:
            self._loop = asyncio.get_running_loop()
            follower = Follower(self.path, self._seen, self._take)
            work = [follower.follow()]
            if self._cluster is not None:
                api, name = self._cluster.api, self._cluster.config_map
                await stack.enter_async_context(follower.watching(api, name, self.service))
            if self._map is not None:
                work.append(self._map.keeping())
            tasks = [asyncio.create_task(each, name="live-config") for each in work]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def status(self) -> dict[str, Any]:
        """What `/v1/config` shows: hash, source, effective values, and why an edit was refused."""
        snapshot = self.current
        refusal = self._refusal
        return {
            "service": self.service,
            "hash": snapshot.hash,
            "source": snapshot.source,
            "loaded_at": int(snapshot.loaded_at),
            "effective": snapshot.value.model_dump(mode="json"),
            "last_error": None
            if refusal is None
            else {"key": refusal.key, "line": refusal.line, "reason": refusal.reason, "at": int(refusal.at)},
        }

    def _take(self, found: Found) -> None:
        """Put in force what was found, or say why not; in a thread."""
        if isinstance(found.texts, ConfigError):
            self._texts = None
            self._refuse(found.texts)
            return
        # By the API one learns also what the disk has shown already.
        if found.config_map is None or found.texts != self._texts:
            self._texts = found.texts
            try:
                value = self._judge(found.texts)
            except ConfigError as error:
                self._refuse(error)
                return
            self._swap(value, found.source)
            self._keep(found.texts)
            RELOADS.labels(self.service, "applied").inc()
            log.info("config_applied", hash=self.current.hash, source=found.source)
        if found.config_map is not None and self._refusal is None:
            self._offer(found.texts, found.config_map)

    def _parse(self, texts: ConfigTexts) -> T:
        value = texts.load(self.model)
        if self._validate_extra is not None:
            try:
                self._validate_extra(value)
            except ConfigError as error:
                line = error.line or texts.line_of(error.place)
                raise ConfigError(error.reason, error.key, line, error.place) from None
            except ValueError as error:
                raise ConfigError(str(error)) from None
        return value

    def _judge(self, texts: ConfigTexts) -> T:
        """As `_parse`; a fault of ours in there must not end the watch, nor a service on its good configuration."""
        try:
            return self._parse(texts)
        except ConfigError:
            raise
        except Exception as error:
            log.exception("config_fault")
            raise ConfigError(f"it cannot be judged ({type(error).__name__}): this is a fault of the service") from None

    def _swap(self, value: T, source: str) -> None:
        snapshot = Snapshot(value, config_hash(value), source, time.time())
        if self._current is not None and self._current.hash != snapshot.hash:
            CONFIG_HASH.labels(self.service, self._current.hash).set(0)
            CONFIG_HASH.remove(self.service, self._current.hash)
        self._current = snapshot
        self._refusal = None
        CONFIG_HASH.labels(self.service, snapshot.hash).set(1)
        RELOAD_SUCCESS.labels(self.service).set(1)
        for react in self._subscribers:
            try:
                react(snapshot)
            except Exception:
                SUBSCRIBER_FAILURES.labels(self.service).inc()
                log.exception("config_subscriber_failed")

    def _refuse(self, error: ConfigError) -> None:
        self._refusal = Refusal(error.reason, error.key, error.line, time.time())
        RELOAD_SUCCESS.labels(self.service).set(0)
        RELOADS.labels(self.service, "refused").inc()
        serving = self._current.hash if self._current else None
        log.error("config_refused", key=error.key, line=error.line, reason=error.reason, serving=serving)

    def _load_last_good(self, error: ConfigError) -> None:
        tried: list[str] = []
        for kept in (self._map, self._file):
            if kept is None:
                continue
            try:
                text = kept.load()
                if text is None:
                    continue
                value = self._parse(ConfigTexts(base=text))
            except ConfigError as older:
                tried.append(f"{kept}: {older}")
                continue
            self._swap(value, f"last good ({kept})")
            self._refuse(error)
            return
        older = "; and ".join(tried)
        raise ConfigError(f"{self.path}: {error} {f'(and {older})' if older else NOTHING_EARLIER}")

    def _keep(self, texts: ConfigTexts) -> None:
        """On disk, at once."""
        if self._file is None:
            return
        try:
            self._file.keep(texts.as_yaml(self.model))
        except OSError as error:
            self._not_kept(str(error))

    def _offer(self, texts: ConfigTexts, config_map: ConfigMap) -> None:
        """To the ConfigMap of the last good one, in its own time; only what the API said, as the disk may be behind."""
        if self._map is not None and self._loop is not None:
            good = Good(texts.as_yaml(self.model), self.current.hash, config_map.uid, config_map.version)
            self._loop.call_soon_threadsafe(self._map.offer, good)

    def _not_kept(self, reason: str) -> None:
        RELOADS.labels(self.service, "not_kept").inc()
        # It is tried again and again.
        if reason != self._said:
            self._said = reason
            log.error("config_not_kept", reason=reason)
