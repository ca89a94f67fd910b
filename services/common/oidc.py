"""Who is calling, by a token of an OpenID Connect provider: its signature, issuer, audience and times, and whose it is.

The provider's keys are fetched by a thread of their own, so that no request waits for the provider: every few minutes,
and soon when a token names a key that is not known. Those that are held stay in force while the provider is away.
"""

import json
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import jwt

from common.authenticator import Caller, Refused
from common.key_file import TENANT, digest
from common.logs import get_logger
from common.metrics import counter, gauge
from common.settings import ServiceSettings, is_trustworthy

log = get_logger("oidc")
FETCHES = counter("oidc_key_fetches_total", "Fetches of the provider's signing keys", ["service", "result"])
KEYS = gauge("oidc_signing_keys", "Signing keys of the provider that are held", ["service"])

# What providers sign with by a public key. Never a shared secret, never `none`.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
REFRESH_S = 300.0
RETRY_S = 2.0
# An unknown key makes us look, but a flood of made-up tokens does not flood the provider.
SOONEST_S = 10.0
FETCH_S = 10.0
LARGEST_BYTES = 1 << 20
# Clocks differ.
LEEWAY_S = 30
LONGEST_TOKEN = 16_384
LONGEST_SUBJECT = 255
MOST_GROUPS = 1000
MOST_CHECKED = 10_000


BY_KIND = {
    kind: tuple(name for name in ALGORITHMS if name[:2] in names)
    for kind, names in {"RSA": ("RS", "PS"), "EC": ("ES",), "OKP": ("Ed",)}.items()
}


@dataclass(frozen=True)
class _Key:
    key: Any
    algorithms: tuple[str, ...]


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect to where keys may not come from."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not is_trustworthy(newurl):
            raise ValueError(f"a redirect leads to {newurl}, which is neither https nor of this machine")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


# No proxies: as everywhere here, what is called is what is configured.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Redirects())


class Tokens:
    """Checks tokens of one provider for one service. `start` has its keys fetched from then on, `close` ends that."""

    def __init__(self, settings: ServiceSettings) -> None:
        assert settings.oidc_issuer is not None
        assert settings.oidc_audience is not None
        self._service = settings.service
        self._issuer, self._audience = settings.oidc_issuer, settings.oidc_audience
        self._tenant_claim, self._groups_claim = settings.oidc_tenant_claim, settings.oidc_groups_claim
        self._keys_url = settings.oidc_keys_url
        self._keys: dict[str, _Key] = {}
        # A signature takes a sixth of a millisecond, and a person's token comes again and again until it expires.
        self._checked: dict[str, tuple[float, Caller]] = {}
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="oidc-keys", daemon=True)

    def start(self) -> None:
        """Begin to fetch keys."""
        if not self._thread.is_alive():
            self._thread.start()

    def close(self) -> None:
        """End; a fetch under way ends by its own deadline."""
        self._closing.set()
        self._wanted.set()

    async def check(self) -> None:
        """Raises where no token can be checked."""
        if problem := self.problem():
            raise ConnectionError(problem)

    def problem(self) -> str | None:
        """Why no token can be checked; None when they can."""
        return None if self._keys else f"no signing keys of {self._issuer} yet"

    def caller(self, token: str) -> Caller:
        """Whose token it is. Raises Refused with the reason, for a counter."""
        if len(token) > LONGEST_TOKEN:
            raise Refused("token_too_long")
        # Taken before the check: what old keys said is dropped with them when others come.
        checked, name = self._checked, digest(token)
        ends_at, caller = checked.get(name, (0.0, None))
        if caller is None or time.time() >= ends_at:
            claims = self._claims(token)
            caller = self._of(claims)
            if len(checked) >= MOST_CHECKED:
                checked.clear()
            checked[name] = float(claims["exp"]) + LEEWAY_S, caller
        return caller

    def forget(self) -> None:
        """Check every token anew."""
        self._checked = {}

    def _claims(self, token: str) -> Mapping[str, Any]:
        try:
            name = jwt.get_unverified_header(token).get("kid", "")
            key = self._keys.get(name)
            if key is None:
                self._wanted.set()
                raise Refused("unknown_signing_key")
            return jwt.decode(
                token,
                key.key,
                algorithms=list(key.algorithms),
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise Refused("expired") from None
        except jwt.InvalidAudienceError:
            raise Refused("other_audience") from None
        except jwt.InvalidIssuerError:
            raise Refused("other_issuer") from None
        except jwt.PyJWTError:
            raise Refused("token_invalid") from None

    def _of(self, claims: Mapping[str, Any]) -> Caller:
        subject = claims["sub"]
        if not subject or len(subject) > LONGEST_SUBJECT or not subject.isprintable():
            raise Refused("token_invalid")
        tenant = "default"
        if self._tenant_claim:
            found = claim(claims, self._tenant_claim)
            # Never the default tenant instead: that one's documents are somebody's.
            if not isinstance(found, str) or not TENANT.fullmatch(found):
                raise Refused("no_tenant")
            tenant = found
        return Caller(tenant, self._groups(claims), "interactive", f"oidc:{subject}")

    def _groups(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        found = claim(claims, self._groups_claim) if self._groups_claim else None
        listed = cast("list[object]", found) if isinstance(found, list) else [found] if found else []
        if not found and self._groups_claim in (claims.get("_claim_names") or ()):
            # Entra ID leaves groups out where there are many. Without groups less is seen, never more.
            log.warning("oidc_groups_left_out", claim=self._groups_claim)
        return tuple(group for group in listed if isinstance(group, str))[:MOST_GROUPS]

    def _follow(self) -> None:
        while not self._closing.is_set():
            # Before the fetch: whoever asks meanwhile is heard.
            self._wanted.clear()
            self._fetch()
            if self._keys:
                self._closing.wait(SOONEST_S)
                self._wanted.wait(REFRESH_S)
            else:
                self._closing.wait(RETRY_S)

    def _fetch(self) -> None:
        try:
            found = self._signing_keys()
        except Exception as error:  # noqa: BLE001 - whatever a provider answers, the thread goes on
            FETCHES.labels(self._service, "failed").inc()
            log.error("oidc_keys_not_fetched", issuer=self._issuer, error=str(error)[:200], kept=len(self._keys))
            return
        FETCHES.labels(self._service, "fetched").inc()
        self._keys = found
        self.forget()
        KEYS.labels(self._service).set(len(found))

    def _signing_keys(self) -> dict[str, _Key]:
        url = self._keys_url
        if url is None:
            about = _json(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if about["issuer"] != self._issuer:
                raise ValueError(f"the provider calls itself {about['issuer']}, not {self._issuer}")
            url = str(about["jwks_uri"])
        found: dict[str, _Key] = {}
        for described in _json(url)["keys"]:
            if described.get("use", "sig") != "sig":
                continue
            try:
                key = jwt.PyJWK.from_dict(described)
            except jwt.PyJWTError:
                continue
            # A key that does not say how it signs may sign by whatever its kind can.
            named = (described["alg"],) if "alg" in described else BY_KIND.get(key.key_type or "", ())
            if algorithms := tuple(name for name in named if name in ALGORITHMS):
                found[str(described.get("kid", ""))] = _Key(key.key, algorithms)
        if not found:
            raise ValueError(f"{url} has no key that signs by {', '.join(ALGORITHMS)}")
        return found


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by its dotted path, such as Keycloak's `realm_access.roles`; None where there is none."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = cast("dict[str, Any]", found).get(part) if isinstance(found, dict) else None
    return found


def _json(url: str) -> dict[str, Any]:
    if not is_trustworthy(url):
        raise ValueError(f"{url} is neither https nor of this machine")
    with _OPENER.open(url, timeout=FETCH_S) as answer:
        body = answer.read(LARGEST_BYTES + 1)
    if len(body) > LARGEST_BYTES:
        raise ValueError(f"{url} is larger than {LARGEST_BYTES} bytes")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError(f"{url} is not a JSON object")
    return cast("dict[str, Any]", found)
