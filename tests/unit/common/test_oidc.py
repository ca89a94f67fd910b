"""Tokens of a real provider over HTTP: what opens, what does not, and what happens while the provider is away."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydantic import ValidationError

from common import key_file, oidc
from common.authenticator import Authenticator
from common.errors import ApiError
from common.settings import ServiceSettings
from fakes.identity_provider import AUDIENCE, EC_KEY, OTHER_KEY, RSA_KEY, Provider, described

WRONG_KID = b'{"alg": "RS256", "kid": [1]}'


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setattr(oidc, "SOONEST_S", 0.05)
    monkeypatch.setattr(oidc, "RETRY_S", 0.05)
    made = Provider()
    yield made
    made.close()


def settings(provider: Provider, **more: Any) -> ServiceSettings:
    given = {"service": "test", "auth": "oidc", "oidc_issuer": provider.issuer, "oidc_audience": AUDIENCE}
    return ServiceSettings.model_validate(given | more)


@pytest.fixture
def check(provider: Provider) -> Iterator[Authenticator]:
    made = Authenticator(settings(provider))
    with made.running():
        until(lambda: made.tokens is not None and made.tokens.problem() is None)
        yield made


def forged(provider: Provider, secret: bytes) -> str:
    """A token that is signed with a public key as if it were a shared secret; the library itself would not."""
    head, body, _ = provider.token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": "one"}).encode()).decode().rstrip("=")
    signature = hmac.digest(secret, f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def until(true: Any) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", **more}


def refused(check: Authenticator, token: str) -> tuple[int, str]:
    with pytest.raises(ApiError) as error:
        check.authenticate(bearer(token))
    return error.value.status, error.value.message


def test_a_token_says_whose_request_it_is(provider: Provider) -> None:
    check = Authenticator(settings(provider, oidc_tenant_claim="org", oidc_groups_claim="realm_access.roles"))
    with check.running():
        until(lambda: check.tokens is not None and check.tokens.problem() is None)
        token = provider.token(org="acme", realm_access={"roles": ["hr", "it", 7]})
        caller = check.authenticate(bearer(token))
        assert (caller.tenant, caller.groups, caller.lane, caller.key_id) == (
            "acme",
            ("hr", "it"),
            "interactive",
            "oidc:ann",
        )
        assert check.authenticate(bearer(token, **{"x-fairlead-lane": "batch"})).lane == "batch"
        # Nobody falls into the default tenant for want of a claim.
        for org in (None, "", "Not A Tenant", ["acme"]):
            assert refused(check, provider.token(org=org))[0] == 401


def test_without_a_tenant_claim_everyone_is_of_the_default_tenant(check: Authenticator, provider: Provider) -> None:
    caller = check.authenticate(bearer(provider.token(groups=["crew"], tenant="acme")))
    assert (caller.tenant, caller.groups) == ("default", ("crew",))
    assert check.authenticate(bearer(provider.token(groups="crew"))).groups == ("crew",)
    assert check.authenticate(bearer(provider.token(EC_KEY, "two", "ES256"))).groups == ()


def test_what_does_not_open(check: Authenticator, provider: Provider) -> None:
    past = datetime.now(UTC) - timedelta(minutes=2)
    public = json.dumps(described(RSA_KEY, "one")).encode()
    wrong = [
        provider.token(exp=past),
        provider.token(exp=None),
        provider.token(nbf=datetime.now(UTC) + timedelta(minutes=2)),
        provider.token(aud="other"),
        provider.token(aud=None),
        provider.token(iss="https://elsewhere.example"),
        provider.token(sub=None),
        provider.token(sub="x" * 300),
        provider.token(sub="line\nbreak"),
        # Signed by somebody else, in the name of a key that is known.
        provider.token(OTHER_KEY),
        # By another kind of signature than the key's: the public key as a shared secret, and none at all.
        forged(provider, public),
        provider.token("", algorithm="none"),
        provider.token(EC_KEY, "one", "ES256"),
        provider.token()[:-6] + "AAAAAA",
        "a.b.c",
        f"{base64.urlsafe_b64encode(b'[' * 12_000).decode()}.b.c",
        f"{base64.urlsafe_b64encode(WRONG_KID).decode()}.b.c",
        "..",
        "x" * 20_000 + "..",
    ]
    answers = {refused(check, token) for token in wrong}
    assert {status for status, _ in answers} == {401}
    assert len(answers) == 1, "an answer must not say why"


def test_a_token_that_was_good_ends_when_it_says(
    check: Authenticator, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "LEEWAY_S", 0)
    token = provider.token(exp=datetime.now(UTC) + timedelta(seconds=2))
    assert check.authenticate(bearer(token)).key_id == "oidc:ann"

    def ended() -> bool:
        try:
            check.authenticate(bearer(token))
        except ApiError:
            return True
        return False

    until(ended)


def test_what_is_remembered_of_tokens_is_bounded(
    check: Authenticator, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "MOST_CHECKED", 3)
    for number in range(8):
        assert check.authenticate(bearer(provider.token(sub=f"person-{number}"))).key_id == f"oidc:person-{number}"
    assert check.tokens is not None
    assert len(check.tokens._checked) <= 3


def test_a_key_that_is_new_is_fetched_and_a_withdrawn_one_opens_nothing(
    check: Authenticator, provider: Provider
) -> None:
    new = provider.token(OTHER_KEY, "three")
    assert refused(check, new)[0] == 401
    provider.keys = [described(OTHER_KEY, "three")]

    def opens() -> bool:
        try:
            return check.authenticate(bearer(new)).key_id == "oidc:ann"
        except ApiError:
            return False

    until(opens)
    assert refused(check, provider.token())[0] == 401


def test_while_the_provider_is_away_known_keys_stay_in_force(check: Authenticator, provider: Provider) -> None:
    provider.away = True
    asked = provider.asked
    refused(check, provider.token(OTHER_KEY, "three"))
    until(lambda: provider.asked > asked)
    assert check.authenticate(bearer(provider.token())).key_id == "oidc:ann"


def test_a_flood_of_made_up_tokens_does_not_flood_the_provider(
    check: Authenticator, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "SOONEST_S", 30.0)
    token = provider.token(OTHER_KEY, "made-up")
    asked = provider.asked
    for _ in range(500):
        refused(check, token)
        time.sleep(0.001)
    # The discovery document and the keys, twice at most: one fetch may already have been on its way.
    assert provider.asked - asked <= 4


async def test_before_the_provider_has_answered_it_is_not_the_token_that_is_wrong(provider: Provider) -> None:
    provider.away = True
    check = Authenticator(settings(provider))
    with check.running():
        assert refused(check, provider.token())[0] == 503
        assert check.tokens is not None
        with pytest.raises(ConnectionError, match="no signing keys of http://127"):
            await check.tokens.check()
        provider.away = False
        until(lambda: check.tokens is not None and check.tokens.problem() is None)
        assert check.authenticate(bearer(provider.token())).key_id == "oidc:ann"


@pytest.mark.parametrize(
    ("wrong", "value"),
    [
        ("calls_itself", "https://elsewhere.example"),
        ("redirects_to", "http://elsewhere.example/keys"),
        ("redirects_to", "file:///etc/passwd"),
        ("keys", [{"kty": "oct", "k": "c2VjcmV0", "kid": "one", "alg": "HS256"}]),
        ("keys", [{"kty": "RSA"}, 7]),
        ("keys", 7),
    ],
)
def test_keys_are_not_taken_from_whoever_answers(provider: Provider, wrong: str, value: Any) -> None:
    setattr(provider, wrong, value)
    check = Authenticator(settings(provider))
    labels = {"service": "test", "result": "failed"}
    before = REGISTRY.get_sample_value("fairlead_oidc_key_fetches_total", labels) or 0
    with check.running():
        until(lambda: (REGISTRY.get_sample_value("fairlead_oidc_key_fetches_total", labels) or 0) > before)
        assert refused(check, provider.token())[0] == 503


def test_keys_open_beside_tokens(provider: Provider, tmp_path: Path) -> None:
    key, stored = key_file.create(tmp_path / "keys.json", tenant="acme")
    check = Authenticator(settings(provider, keys_file=tmp_path / "keys.json"))
    assert check.authenticate(bearer(key)).key_id == stored.id
    assert refused(check, "fl-unknown")[0] == 401


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "FAIRLEAD_OIDC_ISSUER and FAIRLEAD_OIDC_AUDIENCE"),
        ({"oidc_issuer": "https://login.example"}, "FAIRLEAD_OIDC_AUDIENCE"),
        ({"oidc_issuer": "http://login.example", "oidc_audience": "x"}, "FAIRLEAD_OIDC_ISSUER=http://login.example"),
        (
            {"oidc_issuer": "https://login.example", "oidc_audience": "x", "oidc_keys_url": "ftp://login.example"},
            "FAIRLEAD_OIDC_KEYS_URL",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ServiceSettings.model_validate({"auth": "oidc", **given})
