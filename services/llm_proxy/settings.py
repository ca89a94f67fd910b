"""Start-up settings of the LLM pool."""

from pathlib import Path

from pydantic import Field

from common.settings import ServiceSettings


class PoolSettings(ServiceSettings):
    """Settings of the LLM pool."""

    service: str = "llm-proxy"
    port: int = 8081
    max_body_bytes: int = 32 * 1024 * 1024
    workers: int = Field(default=1, ge=1, le=64, description="Processes that share the port; one uses one core.")
    ledger_dir: Path | None = Field(
        default=None, description="Where the processes of one machine count together what callers use; none: in memory."
    )
