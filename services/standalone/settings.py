"""What can be said on the command line of `make run`: plain names, because make hands them on as they are."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, HttpUrl, TypeAdapter, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from standalone.errors import StartRefused

OFF = "off"
OBSERVERS = (
    "prometheus",
    "trace_buffer",
    "collector",
    "collector_grpc",
    "collector_promoted",
    "collector_metrics",
    "collector_spanmetrics",
    "collector_health",
)


class StandaloneSettings(BaseSettings):
    """Settings of one start. What they say about sources and models is kept in the files under `config/`."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    docs: Path | None = Field(default=None, description="Folder of documents to answer from.")
    tracing: Literal["on", "off"] = Field(default="on", description="off: leave MLflow out.")
    observe: Literal["answers", "full"] = Field(
        default="answers", description="full: a trace collector and Prometheus as well, with every service traced."
    )
    auth: Literal["none", "keys"] = Field(default="none", description="keys: every request needs an API key.")
    model_url: str | None = Field(default=None, description="OpenAI-compatible endpoint that answers; off: none.")
    model: str | None = Field(default=None, description="The model's name there.")
    model_key_file: Path | None = Field(default=None, description="File with the endpoint's API key.")
    wal_archive: Path | None = Field(
        default=None, description="Folder for the database's log, from which any moment can be restored; none: off."
    )
    fairlead_data: Path = Field(default=Path(".fairlead"), description="Where everything is kept.")

    orchestrator_port: int = Field(default=8080, ge=1, le=65535)
    llm_proxy_port: int = Field(default=8081, ge=1, le=65535)
    local_models_port: int = Field(default=8082, ge=1, le=65535)
    ingestion_port: int = Field(default=8083, ge=1, le=65535)
    mlflow_port: int = Field(default=5000, ge=1, le=65535)
    postgres_port: int = Field(default=5433, ge=1, le=65535)
    trace_buffer_port: int = Field(default=8084, ge=1, le=65535)
    prometheus_port: int = Field(default=9090, ge=1, le=65535)
    collector_port: int = Field(default=4318, ge=1, le=65535, description="OTLP over HTTP.")
    collector_grpc_port: int = Field(default=4317, ge=1, le=65535, description="OTLP over gRPC.")
    collector_promoted_port: int = Field(default=4319, ge=1, le=65535, description="OTLP/HTTP past sampling.")
    collector_metrics_port: int = Field(default=8888, ge=1, le=65535, description="What the collector says of itself.")
    collector_spanmetrics_port: int = Field(default=8889, ge=1, le=65535, description="Metrics made of spans.")
    collector_health_port: int = Field(default=13133, ge=1, le=65535)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.model_url not in (None, OFF) and not self.model:
            raise StartRefused("MODEL_URL needs MODEL as well: the model's name at that endpoint, such as MODEL=gpt-4o")
        if self.model_url is None and (self.model or self.model_key_file):
            raise StartRefused("MODEL and MODEL_KEY_FILE say nothing without MODEL_URL, the endpoint's base URL")
        if self.model_url not in (None, OFF) and not _is_url(self.model_url):
            raise StartRefused(
                f"MODEL_URL={self.model_url} is no URL: it looks like https://api.openai.com/v1 (or is `off`)"
            )
        if self.model_key_file is not None and not _readable(self.model_key_file):
            raise StartRefused(
                f"MODEL_KEY_FILE={self.model_key_file} cannot be read: give a file that holds the API key"
            )
        if self.docs is not None and not self.docs.is_dir():
            raise StartRefused(f"DOCS={self.docs} is not a folder: give the folder that holds your documents")
        if self.observe == "full" and self.tracing == "off":
            raise StartRefused("OBSERVE=full needs the trace store: leave TRACING=off away")
        names = {port: name for name, port in self.ports().items()}
        if len(names) != len(self.ports()):
            raise StartRefused(
                "two components have the same port: " + ", ".join(f"{n}={p}" for n, p in self.ports().items())
            )
        return self

    def ports(self) -> dict[str, int]:
        """Every port that will be listened on, by the variable that changes it."""
        fields = ["orchestrator", "llm_proxy", "local_models", "ingestion", "postgres"]
        if self.tracing == "on":
            fields.append("mlflow")
        if self.observe == "full":
            fields += OBSERVERS
        return {f"{name}_port".upper(): getattr(self, f"{name}_port") for name in fields}


def _is_url(text: str) -> bool:
    """Whether the pool would take it: what it refuses must not get into its file, which later starts read again."""
    try:
        TypeAdapter(HttpUrl).validate_python(text)
    except ValidationError:
        return False
    return True


def _readable(path: Path) -> bool:
    try:
        return bool(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError):
        return False
