"""Objects in a bucket as a source: S3 and what speaks like it, Azure Blob, Google Cloud Storage, a local folder."""

import asyncio
import hashlib
import mimetypes
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal, Self
from urllib.parse import unquote, urlsplit

import obstore
from obstore import exceptions
from obstore.store import LocalStore, ObjectStore, from_url
from pydantic import Field, field_validator, model_validator

from ingestion.failures import Reason
from ingestion.sources.kind import (
    ALL_SUFFIXES,
    FoundFile,
    Looking,
    Scan,
    Source,
    SourceUnavailable,
    Suffixes,
    Unread,
    Unreadable,
)
from ingestion.sources.secret import SecretReference

SCHEMES = frozenset({"s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "file"})
STEP_TIMEOUT_S = 60.0
LIST_SIZE = 1000
Credential = Literal[
    "access_key_id",
    "secret_access_key",
    "session_token",
    "account_key",
    "sas_token",
    "client_id",
    "client_secret",
    "tenant_id",
    "service_account_key",
]


class ObjectsSource(Source):
    """Objects under a prefix. Without `credentials` the machine's own identity and environment are used."""

    kind: Literal["objects"] = "objects"
    url: str = Field(
        min_length=6,
        max_length=2048,
        description="`s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` or `file:///folder`.",
    )
    suffixes: Suffixes = Field(default=ALL_SUFFIXES, description="Names of objects to take end in one of these.")
    region: str | None = Field(default=None, max_length=100, description="Region of an S3 bucket.")
    endpoint: str | None = Field(
        default=None,
        max_length=1000,
        pattern=r"^https?://[^@\s]+$",
        description="Address of an S3 or Azure server of your own.",
    )
    account: str | None = Field(default=None, max_length=100, description="Account of an Azure container.")
    anonymous: bool = Field(default=False, description="Whether a public bucket is read without signing requests.")
    credentials: dict[Credential, SecretReference] = Field(
        default_factory=dict[Credential, SecretReference],
        description="Credentials by name: `access_key_id` and `secret_access_key` (S3), `account_key` or `sas_token`"
        " (Azure), `service_account_key` (Google)…; each an `env` or a `file`.",
    )
    max_files: int = Field(default=100_000, ge=1, le=10_000_000, description="Objects looked at, at most.")

    least_every_s: ClassVar[float] = 60.0

    @field_validator("url")
    @classmethod
    def _supported(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            raise ValueError("must begin with s3://, gs://, az:// or file:///")
        if parts.username or parts.password or parts.query:
            raise ValueError("must hold no name, password or query: give secrets under credentials")
        return url

    @model_validator(mode="after")
    def _signed_or_not(self) -> Self:
        if self.anonymous and self.credentials:
            raise ValueError("anonymous and credentials exclude each other")
        return self

    @property
    def place(self) -> str:
        """See Source."""
        return self.url

    @asynccontextmanager
    async def look(self, looking: Looking) -> AsyncGenerator[Scan]:
        """See Source. The version of an object is its ETag, else its time of change and size."""
        store = await asyncio.to_thread(self._open)
        found = Scan()
        suffixes = tuple(suffix.lower() for suffix in self.suffixes)
        async for meta in self._listed(store):
            key = str(meta["path"])
            if not key.lower().endswith(suffixes) or not await self._inside(key):
                found.skipped += 1
            elif len(found.files) >= self.max_files:
                found.partial = True
                found.unread.append(
                    Unread("", Reason.LIMIT, f"There are more objects than max_files ({self.max_files}).")
                )
                break
            else:
                found.files[key] = self._file(store, key, meta, looking.folder)
        yield found

    def _is_local(self) -> bool:
        return urlsplit(self.url).scheme == "file"

    def _folder(self) -> Path:
        return Path(unquote(urlsplit(self.url).path))

    async def _inside(self, key: str) -> bool:
        """Whether it lies in the bucket: a link in a local folder may lead elsewhere."""
        if not self._is_local():
            return True
        place, folder = await asyncio.to_thread(lambda: ((self._folder() / key).resolve(), self._folder().resolve()))
        return place.is_relative_to(folder)

    def _open(self) -> ObjectStore:
        try:
            if self._is_local():
                if not self._folder().is_dir():
                    raise FileNotFoundError
                return LocalStore(self._folder())
            config: dict[str, Any] = {name: secret.read() for name, secret in self.credentials.items()}
            given = {"region": self.region, "endpoint": self.endpoint, "account_name": self.account}
            config |= {name: value for name, value in given.items() if value is not None}
            if self.anonymous:
                config["skip_signature"] = True
            plain = bool(self.endpoint and self.endpoint.startswith("http:"))
            options: Any = {"allow_http": plain, "timeout": f"{STEP_TIMEOUT_S:.0f}s", "connect_timeout": "10s"}
            retry: Any = {"max_retries": 3}
            build: Any = from_url
            return build(self.url, config=config, client_options=options, retry_config=retry)
        except (exceptions.BaseError, OSError, ValueError, TypeError) as error:
            raise SourceUnavailable(f"{self.url} cannot be opened: {_words(error)}.", _reason(error)) from None

    async def _listed(self, store: ObjectStore) -> AsyncIterator[Any]:
        """Every object's path, size, e_tag and last_modified; a list that breaks off says nothing of what is gone."""
        try:
            pages = aiter(obstore.list(store, chunk_size=LIST_SIZE))
            while True:
                async with asyncio.timeout(STEP_TIMEOUT_S):
                    page = await anext(pages, None)
                if page is None:
                    return
                for meta in page:
                    yield meta
        except (exceptions.BaseError, OSError) as error:
            raise SourceUnavailable(f"{self.url} cannot be listed: {_words(error)}.", _reason(error)) from None

    def _file(self, store: ObjectStore, key: str, meta: Any, folder: Path) -> FoundFile:
        place = folder / hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
        modified = meta["last_modified"].timestamp()
        version = f"etag:{meta['e_tag']}" if meta.get("e_tag") else f"modified:{modified:.6f}:{meta['size']}"

        async def fetch() -> None:
            try:
                async with asyncio.timeout(STEP_TIMEOUT_S):
                    answer = await obstore.get_async(store, key)
                pieces = aiter(answer.stream())
                with place.open("wb") as file:
                    while True:
                        async with asyncio.timeout(STEP_TIMEOUT_S):
                            piece = await anext(pieces, None)
                        if piece is None:
                            return
                        await asyncio.to_thread(file.write, bytes(piece))
            except (exceptions.BaseError, OSError) as error:
                raise Unreadable(_reason(error), f"The object cannot be read: {_words(error)}.") from None

        attributes: dict[str, str | float | bool] = {} if self._is_local() else {"url": f"{self.url.rstrip('/')}/{key}"}
        return FoundFile(key, place, int(meta["size"]), version, fetch, key, _type(key), attributes)


def _type(key: str) -> str | None:
    return mimetypes.guess_type(key)[0]


def _reason(error: Exception) -> Reason:
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError | PermissionError):
        return Reason.FORBIDDEN
    return Reason.TIMEOUT if isinstance(error, TimeoutError) else Reason.UNREACHABLE


def _words(error: Exception) -> str:
    """What kind of failure it was; the library's own text may hold requests and keys."""
    match error:
        case FileNotFoundError():
            return "there is no such bucket, folder or object"
        case exceptions.PermissionDeniedError() | exceptions.UnauthenticatedError() | PermissionError():
            return "its credentials do not allow it"
        case TimeoutError():
            return "it did not answer in time"
        case ValueError() | TypeError():
            return "its url, region, endpoint or credentials do not go together"
        case _:
            return f"it cannot be reached ({type(error).__name__.removesuffix('Error')})"
