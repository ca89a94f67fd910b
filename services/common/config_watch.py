"""Watches one ConfigMap by the API, in a thread of its own: an edit is known at once rather than with the kubelet."""

import random
import threading
import time
from collections.abc import Callable

from common.config_map import REASONS, ApiFailure, ConfigMap, ConfigMapApi, version_of
from common.logs import get_logger
from common.metrics import counter, gauge

log = get_logger("config_watch")
HEALTHY = gauge(
    "config_watch_healthy", "1 while edits come by the Kubernetes API; 0: only by the mounted folder", ["service"]
)
FAILURES = counter(
    "config_watch_failures_total", "Failed calls while watching the ConfigMap, by reason", ["service", "reason"]
)

# How long one stream lasts, so that one that died without a word is found out.
STREAM_S = 60
# A stream that lasts as long was no failure, however it ended.
STEADY_S = 5.0
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
# What a person can do about it; the others pass.
ADVICE = {
    "unauthorized": "the service account's token is refused; is automountServiceAccountToken on?",
    "forbidden": "the pod's Role must allow get, list and watch of this ConfigMap by name",
    "connection": "is the way to the API server open in the NetworkPolicy?",
}


class ConfigMapWatch:
    """Calls `news`, in its thread, with each state of the ConfigMap it sees; None while there is none."""

    def __init__(self, api: ConfigMapApi, name: str, *, service: str, news: Callable[[ConfigMap | None], None]) -> None:
        self._api = api
        self._name = name
        self._service = service
        self._news = news
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="config-watch", daemon=True)
        self._failures = 0
        self._healthy: bool | None = None
        HEALTHY.labels(service).set(0)
        for reason in REASONS:
            FAILURES.labels(service, reason)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, within_s: float) -> None:
        """End, and wait for it so long at most."""
        self._ending.set()
        self._api.abort()
        self._thread.join(within_s)

    def _run(self) -> None:
        version: str | None = None
        while not self._ending.is_set():
            try:
                if version is None:
                    version, found = self._api.look(self._name)
                    self._well()
                    self._news(found)
                version = self._stream(version)
            except ApiFailure as failure:
                version = None
                self._failed(failure)
            except Exception:
                # The thread must not die: nobody would notice.
                version = None
                log.exception("config_watch_fault")
                self._failed(ApiFailure("answer", "unexpected"))
            if self._failures:
                self._ending.wait(pause(self._failures))

    def _stream(self, version: str) -> str:
        """Follow one stream to its end; the version to go on from."""
        began = time.monotonic()
        seconds = round(STREAM_S * random.uniform(0.8, 1.2))  # noqa: S311 - pods must not come all at once
        for kind, item in self._api.events(self._name, version, seconds):
            if kind in ("ADDED", "MODIFIED"):
                found = ConfigMap.of(item)
                version = found.version
                self._news(found)
            elif kind in ("DELETED", "BOOKMARK"):
                version = version_of(item)
                if kind == "DELETED":
                    self._news(None)
            self._failures = 0
        self._failures = 0 if time.monotonic() - began >= STEADY_S else self._failures + 1
        return version

    def _well(self) -> None:
        if self._healthy is not True:
            self._healthy = True
            HEALTHY.labels(self._service).set(1)
            log.info("config_watch_healthy", config_map=self._name)

    def _failed(self, failure: ApiFailure) -> None:
        if self._ending.is_set():
            return
        self._failures += 1
        FAILURES.labels(self._service, failure.reason).inc()
        # That the server forgets old versions is its right, and the next look mends it.
        if failure.reason != "gone" and self._healthy is not False:
            self._healthy = False
            HEALTHY.labels(self._service).set(0)
            advice = ADVICE.get(failure.reason)
            log.warning("config_watch_failed", config_map=self._name, reason=str(failure), advice=advice)


def pause(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubled each time, and never the same for all pods."""
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311
