"""The pool's configuration: models, the endpoints behind each, and how long each may take."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, HttpUrl, TypeAdapter, model_validator

from common.live_config import Tunables

_URL = TypeAdapter(HttpUrl)


def _http_url(text: str) -> str:
    _URL.validate_python(text)
    return text.rstrip("/")


Url = Annotated[str, AfterValidator(_http_url)]


class KeyReference(Tunables):
    """Where an endpoint's key is found: the name of an environment variable, or a file. Never the key itself."""

    env: str | None = Field(default=None, description="Name of the environment variable that holds the key.")
    file: Path | None = Field(default=None, description="File that holds the key; read again when it changes.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("give either env or file")
        return self

    def read(self) -> str:
        """The key as it is now; raises LookupError naming the reference when there is none."""
        if self.file is not None:
            try:
                key = self.file.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise LookupError(f"the key file {self.file} cannot be read: {error.strerror}") from None
        else:
            key = os.environ.get(self.env or "", "").strip()
        if not key:
            raise LookupError(f"the key in {self.file or self.env} is empty")
        return key


class Endpoint(Tunables):
    """One place that serves a model."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", description="Name in metrics and answers' headers.")
    url: Url = Field(description="Base URL, such as https://api.example.com/v1.")
    kind: Literal["openai", "azure"] = Field(default="openai", description="How it is addressed and given its key.")
    api_version: str | None = Field(default=None, description="Azure: the api-version.")
    key: KeyReference | None = Field(default=None, description="Reference to its key; none: it needs no key.")
    model: str | None = Field(default=None, description="The model's name there, where it differs; Azure: deployment.")
    priority: int = Field(default=0, ge=0, le=100, description="The lowest number is tried first.")
    weight: float = Field(default=1.0, gt=0, le=1000, description="Share of traffic within its priority.")


class Timeouts(Tunables):
    """Seconds."""

    first_token_s: float = Field(default=10.0, gt=0, le=600, description="Until the first byte of the answer.")
    inter_chunk_s: float = Field(default=20.0, gt=0, le=600, description="Between two pieces of a stream.")
    total_s: float = Field(default=300.0, gt=0, le=3600, description="The whole call, its retries included.")


class Space(Tunables):
    """The embedding space that a model's vectors live in: endpoints of one model must all serve this one."""

    version: str
    dimension: int = Field(ge=1, le=16000)


class Model(Tunables):
    """A model as callers name it, and where it is served."""

    endpoints: tuple[Endpoint, ...] = Field(min_length=1)
    timeouts: Timeouts = Timeouts()
    space: Space | None = Field(default=None, description="Embedding models: the space of their vectors.")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [endpoint.name for endpoint in self.endpoints]
        if len(set(names)) < len(names):
            raise ValueError("two endpoints have the same name")
        return self


class PoolConfig(Tunables):
    """The whole file."""

    models: dict[str, Model] = Field(min_length=1)
