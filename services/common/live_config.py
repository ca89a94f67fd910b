"""Tunables that change while a service runs: watched file → parsed → validated → one immutable snapshot swapped in.

A bad edit is refused with its key and reason, and the last good configuration keeps serving, over restarts too.
The file is polled rather than watched by inotify: a ConfigMap's `..data` swap, an editor's rename and a network file
system all look the same to `stat`, and there is no watch limit to run out of.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from common import yaml_text
from common.logs import get_logger
from common.metrics import counter, gauge
from common.yaml_text import ConfigError

log = get_logger("live_config")
RELOAD_SUCCESS = gauge("config_reload_success", "1 while the configuration file is the one in force", ["service"])
RELOADS = counter("config_reloads_total", "Edits of the configuration file, by result", ["service", "result"])
CONFIG_HASH = gauge("config_info", "Always 1; the hash of the configuration in force", ["service", "hash"])
SUBSCRIBER_FAILURES = counter(
    "config_subscriber_failures_total", "Failed reactions to a new configuration", ["service"]
)

# An edit is in force after two looks that agree (a half-written file must not be taken), so after 0.5 s at most.
POLL_S = 0.25


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


class LiveConfig(Generic[T]):
    """The tunables of one service, of type `model`, from the YAML file at `path` (None: the defaults, for good)."""

    def __init__(
        self,
        model: type[T],
        path: Path | None,
        *,
        service: str,
        last_good_dir: Path | None = None,
        validate_extra: Callable[[T], None] | None = None,
    ) -> None:
        self.model = model
        self.path = path
        self.service = service
        self._last_good = last_good_dir / f"{service}.yaml" if last_good_dir else None
        self._validate_extra = validate_extra
        self._subscribers: list[Callable[[Snapshot[T]], None]] = []
        self._current: Snapshot[T] | None = None
        self._refusal: Refusal | None = None
        self._seen: object = None
        for result in ("applied", "refused", "not_kept"):
            # There before the first edit, so that it is an increase.
            RELOADS.labels(service, result)

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
        # The look comes before the read: an edit in between is then seen as a change.
        self._seen = _stamp(self.path)
        try:
            text = _read(self.path)
            value = self._parse(text)
        except ConfigError as error:
            self._load_last_good(error)
        else:
            self._swap(value, str(self.path))
            self._keep(text)
        return self.current

    @asynccontextmanager
    async def watch(self) -> AsyncGenerator[None]:
        """Follow the file while the context is open."""
        if self.path is None:
            yield
            return
        task = asyncio.create_task(self._follow(self.path), name="live-config")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

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

    async def _follow(self, path: Path) -> None:
        previous = self._seen
        while True:
            await asyncio.sleep(POLL_S)
            stamp = await asyncio.to_thread(_stamp, path)
            if stamp != self._seen and stamp == previous:
                self._seen = stamp
                await asyncio.to_thread(self._reload, path)
            previous = stamp

    def _reload(self, path: Path) -> None:
        try:
            text = _read(path)
            value = self._parse(text)
        except ConfigError as error:
            self._refuse(error)
            return
        self._swap(value, str(path))
        self._keep(text)
        RELOADS.labels(self.service, "applied").inc()
        log.info("config_applied", hash=self.current.hash, source=str(path))

    def _parse(self, text: str) -> T:
        value = yaml_text.load(text, self.model)
        if self._validate_extra is not None:
            try:
                self._validate_extra(value)
            except ConfigError as error:
                line = error.line or yaml_text.line_of(text, error.place)
                raise ConfigError(error.reason, error.key, line, error.place) from None
            except ValueError as error:
                raise ConfigError(str(error)) from None
        return value

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
        if self._last_good is None or not self._last_good.exists():
            raise ConfigError(f"{self.path}: {error} (and there is no earlier good configuration to start on)")
        try:
            value = self._parse(_read(self._last_good))
        except ConfigError as older:
            raise ConfigError(f"{self.path}: {error}; and {self._last_good}: {older}") from None
        self._swap(value, f"last good ({self._last_good})")
        self._refuse(error)

    def _keep(self, text: str) -> None:
        if self._last_good is None:
            return
        try:
            self._last_good.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._last_good.with_name(self._last_good.name + ".new")
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(self._last_good)
        except OSError as error:
            RELOADS.labels(self.service, "not_kept").inc()
            log.error("config_not_kept", reason=str(error))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None


def _stamp(path: Path) -> object:
    try:
        status = path.stat()
    except OSError as error:
        return type(error).__name__
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size
