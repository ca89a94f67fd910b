"""Tokens for endpoints that know a workload instead of a key: a pod's federated token, exchanged at Microsoft Entra ID.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (third case: with a federated
credential). The environment variables are those that the workload identity webhook sets.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import msgspec

from common.logs import get_logger
from llm_proxy.http_client import Origin, Patience, UpstreamClient
from llm_proxy.http_connection import UpstreamBroken

log = get_logger("identity")

SCOPE = "https://cognitiveservices.azure.com/.default"
DEFAULT_AUTHORITY = "https://login.microsoftonline.com"
# A new token is fetched this long before the old one ends, so that no call waits for it.
RENEW_BEFORE_S = 300.0
EXCHANGE_S = 10.0
# After a failed exchange the next call tries again no sooner.
RETRY_S = 5.0


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int


@dataclass
class WorkloadIdentity:
    """The process's own identity; the token is shared by all endpoints that use it."""

    client: UpstreamClient
    _token: str = ""
    _ends_at: float = 0.0
    _failed_until: float = 0.0
    _failure: str = ""
    _renewal: "asyncio.Task[None] | None" = None

    async def token(self) -> str:
        """A token that is valid now; raises LookupError saying why there is none."""
        left = self._ends_at - asyncio.get_running_loop().time()
        if left < RENEW_BEFORE_S and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.create_task(self._renew(), name="workload-identity")
        if left <= 0 and self._renewal is not None:
            # One exchange serves all who wait; a caller who leaves does not end it.
            await asyncio.shield(self._renewal)
        if not self._token or self._ends_at <= asyncio.get_running_loop().time():
            raise LookupError(self._failure or "there is no token")
        return self._token

    def refused(self, token: str) -> None:
        """An endpoint refused this token: the next call fetches another, unless that has happened already."""
        if token == self._token:
            self._token, self._ends_at = "", 0.0

    async def close(self) -> None:
        """End a running exchange."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)

    async def _renew(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._failed_until:
            return
        try:
            got = await self._exchange()
        except (LookupError, UpstreamBroken, msgspec.MsgspecError) as error:
            self._failure = f"the workload identity gave no token: {error}"
            self._failed_until = now + RETRY_S
            log.error("identity_failed", reason=self._failure)
            return
        self._token, self._ends_at, self._failure = got.access_token, now + got.expires_in, ""

    async def _exchange(self) -> _Token:
        named = {name: os.environ.get(name, "") for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID")}
        file = os.environ.get("AZURE_FEDERATED_TOKEN_FILE", "")
        for name, value in {**named, "AZURE_FEDERATED_TOKEN_FILE": file}.items():
            if not value:
                raise LookupError(f"{name} is not set")
        try:
            # Read at each exchange: the kubelet puts a new one there before the old one ends.
            assertion = await asyncio.to_thread(Path(file).read_text, encoding="utf-8")
        except OSError as error:
            raise LookupError(f"{file} cannot be read: {error.strerror}") from None
        form = {
            "client_id": named["AZURE_CLIENT_ID"],
            "scope": SCOPE,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion.strip(),
            "grant_type": "client_credentials",
        }
        body = urlencode(form).encode()
        authority = os.environ.get("AZURE_AUTHORITY_HOST", "") or DEFAULT_AUTHORITY
        path = f"{urlsplit(authority).path.rstrip('/')}/{named['AZURE_TENANT_ID']}/oauth2/v2.0/token"
        origin = Origin.of(authority)
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {origin.host_header}\r\naccept: application/json\r\n"
            f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        patience = Patience(EXCHANGE_S, EXCHANGE_S, asyncio.get_running_loop().time() + EXCHANGE_S)
        connection = await self.client.exchange(origin, head.encode("latin-1"), body, patience, whole=True)
        try:
            answer = await connection.whole()
        finally:
            connection.done()
        if connection.status != 200:
            raise LookupError(f"HTTP {connection.status}")
        return msgspec.json.decode(answer, type=_Token)
