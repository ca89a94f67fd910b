"""Start-up settings of the orchestrator."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from common.settings import ServiceSettings

MIB = 1024 * 1024


class OrchestratorSettings(ServiceSettings):
    """What is fixed for the life of the process; everything that can be retuned is in `tunables`."""

    service: str = "orchestrator"
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    mlflow_url: str | None = Field(default=None, description="MLflow, where feedback is forwarded to; none: nowhere.")
    mlflow_token: SecretStr | None = Field(default=None, description="Bearer token for it, where it asks for one.")
    mlflow_authorization_file: Path | None = Field(
        default=None, description="Its whole Authorization header instead, such as `Basic …`; read for each call."
    )
    langfuse_url: str | None = Field(
        default=None, description="Langfuse, where feedback is forwarded to as scores; none: nowhere."
    )
    langfuse_keys: SecretStr | None = Field(default=None, description="Its project's keys: `public key:secret key`.")
    trace_url: str | None = Field(
        default=None,
        description="Address of a trace for people, with {trace_id} in it; none: no links to traces.",
    )
    max_upload_bytes: int = Field(default=512 * MIB, ge=1024, description="Largest file that can be uploaded.")
    database_connections: int = Field(default=20, ge=2, le=200, description="Connections to Postgres, at most.")
    max_open_answers: int = Field(
        default=512, ge=1, description="Answers in the making at once; more are refused with 503."
    )
    feedback_max_age_s: float = Field(
        default=86_400.0, gt=0, description="Feedback that could not be forwarded for so long is kept here alone."
    )

    @model_validator(mode="after")
    def _langfuse_has_keys(self) -> Self:
        keys = self.langfuse_keys.get_secret_value() if self.langfuse_keys else ""
        if self.langfuse_url and ":" not in keys:
            raise ValueError("FAIRLEAD_LANGFUSE_URL needs FAIRLEAD_LANGFUSE_KEYS, as `public key:secret key`")
        return self
