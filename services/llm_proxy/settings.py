"""Start-up settings of the LLM pool."""

from common.settings import ServiceSettings


class PoolSettings(ServiceSettings):
    """Settings of the LLM pool."""

    service: str = "llm-proxy"
    port: int = 8081
    max_body_bytes: int = 32 * 1024 * 1024
