"""Start-up settings of the local models, read once from the environment."""

from pathlib import Path

from pydantic import Field

from common.settings import ServiceSettings


class LocalModelsSettings(ServiceSettings):
    """What the local models need beyond every service's settings."""

    service: str = "local-models"
    port: int = Field(default=8082, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    cores: int = Field(default=0, ge=0, le=1024, description="Cores to compute on; 0 takes all this process may use.")
    weights_dir: Path | None = Field(default=None, description="Folder of the model's files; none: the package's own.")
    request_s: float = Field(default=120.0, gt=0, le=3600, description="Longest answer when the caller sets no limit.")
    passage_cache_bytes: int = Field(
        default=64 * 1024 * 1024, ge=0, description="Memory for passages read lately; reranking and answering share it."
    )
