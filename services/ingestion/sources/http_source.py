"""What all kinds of source that are read over HTTP are told: address, credential, and how patient and polite to be."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field
from yarl import URL

from ingestion.sources.kind import Source
from ingestion.sources.safe_http import SafeHttp, opened
from ingestion.sources.secret import SecretReference


def _http_address(text: str) -> str:
    """Refuse what is no plain address: a name and password in it would be shown and stored with every document."""
    try:
        url = URL(text)
    except ValueError:
        raise ValueError("is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("must begin with https:// or http:// and name a host")
    if url.user or url.password:
        raise ValueError("must hold no name or password: give a credential as token: {env: NAME} or {file: path}")
    return text


Address = Annotated[str, Field(min_length=8, max_length=2048), AfterValidator(_http_address)]


class HttpSource(Source):
    """Base of the kinds that are read over HTTP."""

    url: Address = Field(description="Where to begin.")
    allow_private: bool = Field(
        default=False, description="Whether it may lie in a private network or on this machine; for intranets."
    )
    token: SecretReference | None = Field(
        default=None, description="Credential sent to this host alone: never after a redirect to another."
    )
    token_header: str = Field(
        default="Authorization",
        pattern=r"^[A-Za-z0-9-]{1,60}$",
        description="Header for it; in `Authorization` it is a bearer token, in others it stands alone.",
    )
    request_s: float = Field(default=30.0, gt=0, le=600, description="Longest wait for one answer, in seconds.")
    look_s: float = Field(default=1800.0, gt=0, le=86_400, description="Longest time of one look, in seconds.")
    delay_s: float = Field(
        default=0.5, ge=0, le=60, description="Pause between two requests to a host; longer if robots.txt asks for it."
    )

    least_every_s: ClassVar[float] = 60.0

    @property
    def place(self) -> str:
        """See Source."""
        return self.url

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[SafeHttp]:
        """A client for one look; raises SourceUnavailable when the credential cannot be read."""
        headers: dict[str, str] = {}
        if self.token is not None:
            token = self.token.read()
            bearer = self.token_header.lower() == "authorization"
            headers[self.token_header] = f"Bearer {token}" if bearer else token
        async with opened(
            private=self.allow_private,
            request_s=self.request_s,
            look_s=self.look_s,
            delay_s=self.delay_s,
            headers=headers,
            origin=URL(self.url),
        ) as client:
            yield client
