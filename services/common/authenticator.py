"""Who is calling, by the Authorization header: an API key, looked up in the hashed key file, or a provider's token."""

import importlib
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from common import key_file
from common.errors import ApiError, unavailable
from common.health import Health
from common.key_file import Lane, StoredKey
from common.logs import get_logger
from common.metrics import counter, gauge
from common.settings import ServiceSettings

if TYPE_CHECKING:
    from common.oidc import Tokens

log = get_logger("auth")
REFUSED = counter("auth_refused_total", "Requests refused for their key", ["service", "reason"])
NEXT_EXPIRY = gauge(
    "auth_next_key_expiry_timestamp_seconds",
    "When the first of the keys that are listed expires, or did; absent where none does",
    ["service"],
)

LANE_HEADER = "x-fairlead-lane"
# A revoked key stops working after this long at most; until then the file is not looked at again.
RECHECK_S = 1.0


@dataclass(frozen=True)
class Caller:
    """Whose request this is."""

    tenant: str
    groups: tuple[str, ...]
    lane: Lane
    key_id: str
    key_name: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """A key, and the callers that it makes, also in the batch lane: made once, not with each request."""

    key: StoredKey
    caller: Caller
    lowered: Caller


class Refused(Exception):
    """A token that opens nothing, and why: for a counter, never for the answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


ANYONE = Caller(tenant="default", groups=(), lane="interactive", key_id="none")


class Authenticator:
    """Checks keys and tokens for one service. The file is re-read when it changes, so rotation needs no restart."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._service = settings.service
        self._open = settings.auth == "none"
        # Also beside tokens: services call one another with keys.
        self._path: Path | None = None if self._open else settings.keys_file
        self.tokens: Tokens | None = None
        if settings.auth == "oidc":
            # The libraries of signatures take 20 MB and a third of a second, which nobody else is to pay.
            self.tokens = importlib.import_module("common.oidc").Tokens(settings)
        self._by_hash: dict[str, _Known] = {}
        self._stamp: tuple[int, int, int] | None = None
        self._checked_at = float("-inf")
        if self._path is not None:
            self._load(self._path)

    @contextmanager
    def running(self) -> Generator[None]:
        """Follow the provider's keys while the context is open."""
        if self.tokens is None:
            yield
            return
        self.tokens.start()
        try:
            yield
        finally:
            self.tokens.close()

    def watched(self, health: Health) -> None:
        """Have the deep report say whether tokens can be checked. Keys can be without them."""
        if self.tokens is not None:
            health.add("identity", self.tokens.check, critical=False)

    def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """The caller; raises ApiError 401, which says nothing about why."""
        lane = headers.get(LANE_HEADER)
        if lane not in (None, "interactive", "batch"):
            raise ApiError(400, f"Header {LANE_HEADER} must be interactive or batch", param=LANE_HEADER)
        if self._open:
            return Caller(ANYONE.tenant, ANYONE.groups, "batch" if lane == "batch" else "interactive", ANYONE.key_id)
        if self._path is not None:
            self._reload(self._path)
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise self._refused("missing")
        key = key.strip()
        # Keys have no dots.
        if self.tokens is not None and key.count(".") == 2:
            caller = self._of_token(self.tokens, key)
            return replace(caller, lane="batch") if lane == "batch" else caller
        # Looking a hash up leaks no timing about the key: an attacker cannot choose the hash's prefix.
        known = self._by_hash.get(key_file.digest(key))
        if known is None:
            raise self._refused("unknown")
        if known.key.expires_at is not None and known.key.expired(datetime.now(UTC)):
            raise self._refused("expired")
        # The header may lower a key's lane, never raise it.
        return known.lowered if lane == "batch" else known.caller

    def _of_token(self, tokens: "Tokens", token: str) -> Caller:
        if tokens.problem() is not None:
            REFUSED.labels(self._service, "no_signing_keys").inc()
            raise unavailable("Tokens cannot be checked at the moment: the identity provider has not answered yet.")
        try:
            return tokens.caller(token)
        except Refused as refused:
            raise self._refused(refused.reason) from None

    def _refused(self, reason: str) -> ApiError:
        REFUSED.labels(self._service, reason).inc()
        what = "API key" if self.tokens is None else "API key or token"
        message = f"The {what} is missing or not valid. Send it as `Authorization: Bearer <key>`."
        return ApiError(401, message, code="invalid_api_key", headers={"www-authenticate": "Bearer"})

    def _reload(self, path: Path) -> None:
        now = time.monotonic()
        if now - self._checked_at < RECHECK_S:
            return
        self._checked_at = now
        if _stamp(path) == self._stamp:
            return
        try:
            self._load(path)
        except (ValueError, OSError) as error:
            REFUSED.labels(self._service, "key_file_invalid").inc()
            log.error("key_file_invalid", error=str(error), kept=len(self._by_hash))

    def _load(self, path: Path) -> None:
        stamp = _stamp(path)
        keys = key_file.read(path).keys
        self._by_hash = {key.hash: _Known(key, _caller(key, key.lane), _caller(key, "batch")) for key in keys}
        self._stamp = stamp
        expiries = [key.expires_at.timestamp() for key in keys if key.expires_at is not None]
        if expiries:
            NEXT_EXPIRY.labels(self._service).set(min(expiries))
        else:
            NEXT_EXPIRY.remove_by_labels({"service": self._service})


def _caller(key: StoredKey, lane: Lane) -> Caller:
    return Caller(key.tenant, key.groups, lane, key.id, key.name)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
