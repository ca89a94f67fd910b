"""People come with tokens of their identity provider: what they see, and what is noted of them."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from fakes.identity_provider import AUDIENCE, OTHER_KEY, Provider
from integration.orchestrator.conftest import Platform, StartPlatform


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture
async def platform(start_platform: StartPlatform, provider: Provider) -> Platform:
    found = await start_platform(
        auth="oidc", oidc_issuer=provider.issuer, oidc_audience=AUDIENCE, oidc_tenant_claim="org"
    )
    async with asyncio.timeout(20):
        while (await found.http.get("/healthz")).json()["dependencies"]["identity"]["state"] != "ok":
            await asyncio.sleep(0.1)
    return found


def as_person(provider: Provider, **claims: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {provider.token(**claims)}"}


async def test_claims_decide_what_is_seen_and_the_audit_log_says_who_it_was(
    platform: Platform, provider: Provider
) -> None:
    ann = as_person(provider, sub="ann", org="acme", groups=["crew"])
    bob = as_person(provider, sub="bob", org="acme")
    eve = as_person(provider, sub="eve", org="other")
    upload: dict[str, Any] = {
        "files": {"file": ("plan.txt", b"text")},
        "data": {"purpose": "assistants", "groups": "crew"},
    }
    assert (await platform.http.post("/v1/files", headers=bob, **upload)).status_code in (400, 403)
    file = (await platform.http.post("/v1/files", headers=ann, **upload)).json()["id"]
    assert (await platform.http.get(f"/v1/files/{file}", headers=ann)).status_code == 200
    assert (await platform.http.get(f"/v1/files/{file}", headers=bob)).status_code == 404
    assert (await platform.http.get(f"/v1/files/{file}", headers=eve)).status_code == 404
    log = (await platform.http.get("/v1/audit", headers=ann)).json()["data"]
    assert {event["key_id"] for event in log if event["action"] == "file.upload"} == {"oidc:ann"}


async def test_without_a_good_token_nothing_opens(platform: Platform, provider: Provider) -> None:
    for headers in (
        {},
        as_person(provider),
        as_person(provider, org="acme", aud="other"),
        as_person(provider, org="acme", key=OTHER_KEY),
    ):
        answer = await platform.http.get("/v1/files", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
