"""Keys of endpoints: read beside the requests, read again when their file or variable changes, out when refused."""

import time
from collections.abc import Callable, Iterable

from common.key_reference import KeyReference
from common.logs import get_logger
from llm_proxy.config import Endpoint

log = get_logger("keys")
# A refused key stays out until it changes. But a provider may know a new key a moment later than we do, or take an old
# one back, and a variable of a running process never changes: so one request may see whether it works again, after the
# first of these times and then after ever longer ones.
FIRST_PROBE_S, LAST_PROBE_S = 5.0, 300.0


class Key:
    """The key of one endpoint as it is now. `header` is what a call carries; None: nothing is needed or there is none.

    `usable` is all that the choice of an endpoint looks at.
    """

    __slots__ = (
        "_bearer",
        "_clock",
        "_reference",
        "_refused",
        "_stamp",
        "_value",
        "_wait_s",
        "awaited",
        "header",
        "probe_at",
        "reason",
    )

    def __init__(
        self,
        reference: KeyReference | None,
        *,
        bearer: bool = True,
        awaited: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reference = reference
        self._bearer = bearer
        self._clock = clock
        self._stamp: object = ()
        self._value: str | None = None
        self._refused: str | None = None
        self._wait_s = FIRST_PROBE_S
        self.header: tuple[str, str] | None = None
        self.awaited = awaited
        """It is no configured key but a token of the pod's identity, brought by `take`."""
        self.reason = "key_missing" if awaited else ""
        self.probe_at = 0.0
        self.refresh()

    @property
    def usable(self) -> bool:
        """Whether a call with it may succeed."""
        return not self.reason

    def refresh(self) -> bool:
        """Look whether it changed; blocks for a stat, and for a read when the file did. True when it is another."""
        if self._reference is None:
            return False
        stamp = _stamp(self._reference)
        if stamp == self._stamp and self._reference.file is not None:
            return False
        try:
            value = self._reference.read()
        except LookupError as error:
            # In the middle of a rotation a file may be away for a moment: the key that worked stays.
            if self._value is None:
                self.reason = "key_missing"
                log.error("key_missing", reason=str(error))
            return False
        self._stamp = stamp
        return self.take(value)

    def take(self, value: str) -> bool:
        """Use this value; True when it is another."""
        if value == self._value:
            return False
        self._value = value
        self.header = ("authorization", f"Bearer {value}") if self._bearer else ("api-key", value)
        self.accepted()
        return True

    def refused(self, header: tuple[str, str] | None) -> bool:
        """An endpoint refused a call that carried `header`. False when that key is no longer the one in force."""
        if header != self.header or self.refresh():
            return False
        self._refused, self.reason = self._value, "key_refused"
        self.probe_at = self._clock() + self._wait_s
        return True

    def probed(self, now: float) -> None:
        """A call begins that sees whether it works again; the next one may do so after twice the time."""
        self._wait_s = min(2 * self._wait_s, LAST_PROBE_S)
        self.probe_at = now + self._wait_s

    def accepted(self) -> None:
        """A call with it succeeded, or it is another one."""
        self._refused, self.reason, self._wait_s = None, "", FIRST_PROBE_S


class KeyRing:
    """The keys of all endpoints, each endpoint's own: one provider's refusal says nothing about another's."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._keys: dict[tuple[object, ...], Key] = {}

    def of(self, model: str, endpoint: Endpoint) -> Key:
        """The endpoint's key; the same object as long as its reference stays."""
        bearer = endpoint.auth != "api_key" and not (endpoint.auth == "auto" and endpoint.kind == "azure")
        reference = endpoint.key
        place = (reference.env, reference.file) if reference else (None, None)
        identity = (model, endpoint.name, endpoint.url, bearer, endpoint.auth, *place)
        key = self._keys.get(identity)
        if key is None:
            key = self._keys[identity] = Key(
                reference, bearer=bearer, awaited=endpoint.auth == "workload_identity", clock=self._clock
            )
        return key

    def awaited(self) -> list[Key]:
        """Those that need the pod's token."""
        return [key for key in self._keys.values() if key.awaited]

    def keep(self, keys: Iterable[Key]) -> None:
        """Forget all others."""
        kept = {id(key) for key in keys}
        self._keys = {identity: key for identity, key in self._keys.items() if id(key) in kept}

    def refresh(self) -> list[Key]:
        """Look at all of them; those that changed. Blocks: call it in a thread."""
        return [key for key in list(self._keys.values()) if key.refresh()]


def _stamp(reference: KeyReference) -> object:
    if reference.file is None:
        return None
    try:
        status = reference.file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
