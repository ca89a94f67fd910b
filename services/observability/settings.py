"""Settings of the trace buffer, and of what removes data."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from common.settings import ServiceSettings

MIB = 1024 * 1024


class BufferSettings(ServiceSettings):
    """How long and how much is held, and where a trace goes that is wanted after all."""

    service: str = "trace-buffer"
    port: int = Field(default=8084, ge=0, le=65535, description="Port for OTLP/HTTP, health and metrics.")
    promoted_endpoint: str = Field(
        default="http://127.0.0.1:4319/v1/traces",
        description="The collector's door past sampling: full URL of its OTLP/HTTP receiver for promoted traces.",
    )
    buffer_hours: float = Field(default=24.0, gt=0, le=24 * 31, description="Traces not kept are held for so long.")
    buffer_max_bytes: int = Field(
        default=2048 * MIB, ge=MIB, description="Held at most, compressed; then the oldest go, and are counted."
    )
    buffer_max_rows: int = Field(default=1_000_000, ge=1, description="Held at most, about one for each trace.")
    max_body_bytes: int = Field(default=64 * MIB, ge=1024, description="Largest batch of spans, decompressed.")
    database_connections: int = Field(default=4, ge=2, le=200, description="Connections to Postgres, at most.")

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        if self.auth != "none" and self.service_key_file is None:
            raise ValueError(
                "FAIRLEAD_AUTH=keys needs FAIRLEAD_SERVICE_KEY_FILE here: the key that the collector sends with traces"
            )
        return self


class RemovalSettings(ServiceSettings):
    """How long feedback and traces are kept, and where they are."""

    service: str = "observability"
    mlflow_url: str | None = Field(default=None, description="MLflow, where traces are; none: there is none.")
    mlflow_token: SecretStr | None = Field(default=None, description="Bearer token for it, where it asks for one.")
    mlflow_authorization_file: Path | None = Field(
        default=None, description="Its whole Authorization header instead, such as `Basic …`."
    )
    feedback_days: int = Field(default=730, ge=1, le=36_500, description="Feedback is kept for so long.")
    traces_days: int = Field(default=90, ge=1, le=36_500, description="Stored traces are kept for so long.")

    def owner(self) -> str:
        """The owner's database URL; raises ValueError when there is none."""
        if self.database_owner_url is None:
            raise ValueError("FAIRLEAD_DATABASE_OWNER_URL is not set: give the Postgres URL of the owner of the schema")
        return self.database_owner_url.get_secret_value()
