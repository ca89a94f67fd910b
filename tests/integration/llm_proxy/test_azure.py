"""Azure OpenAI is addressed by deployment and version, with a key or with the pod's own identity."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

from fakes.upstream import CHAT, Reply, serving
from integration.llm_proxy.pool_process import Pool, running


async def test_a_deployment_is_called_with_its_key(shared_pool: Pool) -> None:
    async with serving(Reply(body=CHAT)) as azure:
        endpoint = {
            "name": "a",
            "url": azure.url.removesuffix("/v1"),
            "kind": "azure",
            "model": "my-deployment",
            "api_version": "2025-01-01",
            "key": {"env": "UPSTREAM_KEY"},
        }
        await shared_pool.use({"models": {"gpt": {"endpoints": [endpoint]}}})
        assert (await shared_pool.ask("gpt")).status_code == 200
        sent, body = azure.seen[0]
        assert azure.paths == ["/openai/deployments/my-deployment/chat/completions?api-version=2025-01-01"]
        assert (sent["api-key"], body["model"]) == ("sk-upstream", "my-deployment")
        assert "authorization" not in sent


async def test_the_pods_identity_is_exchanged_for_a_token(
    tmp_path: Path, free_tcp_port_factory: Callable[[], int]
) -> None:
    projected = tmp_path / "token"
    projected.write_text("federated\n")
    token = Reply(body={"access_token": "aad-token", "expires_in": 3600, "token_type": "Bearer"})
    async with serving(Reply(500, {}), token) as authority, serving(Reply(body=CHAT)) as azure:
        environment = {
            "AZURE_CLIENT_ID": "client",
            "AZURE_TENANT_ID": "tenant",
            "AZURE_FEDERATED_TOKEN_FILE": str(projected),
            "AZURE_AUTHORITY_HOST": authority.url.removesuffix("/v1") + "/",
            "FAIRLEAD_IDENTITY_RETRY_S": "0.2",
        }
        endpoint = {"name": "a", "url": azure.url, "auth": "workload_identity"}
        config = {"models": {"gpt": {"endpoints": [endpoint]}}}
        async with running(tmp_path / "pool.yaml", free_tcp_port_factory(), config, environment) as pool:
            async with asyncio.timeout(20):
                while (await pool.ask("gpt")).status_code != 200:
                    await asyncio.sleep(0.05)
        assert azure.seen[0][0]["authorization"] == "Bearer aad-token"
        assert authority.paths == ["/tenant/oauth2/v2.0/token"] * 2
        form = {name: values[0] for name, values in parse_qs(authority.seen[1][1]).items()}
        assert form == {
            "client_id": "client",
            "scope": "https://cognitiveservices.azure.com/.default",
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": "federated",
        }
