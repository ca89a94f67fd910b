"""Start-up settings of the ingestion worker."""

from pathlib import Path

from pydantic import Field

from common.settings import ServiceSettings


class IngestionSettings(ServiceSettings):
    """What is fixed for the life of the process; everything that can be retuned is in `tunables`."""

    service: str = "ingestion"
    port: int = Field(default=8083, ge=0, le=65535, description="Port for health and metrics; 0 takes a free one.")
    database_connections: int = Field(default=12, ge=4, le=200, description="Connections to Postgres, at most.")
    heartbeat_s: float = Field(
        default=2.0, gt=0, le=60, description="How often the worker tells the queue that it is alive."
    )
    stalled_after_s: float = Field(
        default=15.0, gt=1, le=600, description="Jobs of a worker that was silent for so long are taken over."
    )

    cache_dir: Path | None = Field(
        default=None, description="Where fetched repositories are kept between looks; none: until the worker ends."
    )

    def objects(self) -> str:
        """The URL of the file bytes; raises ValueError when there is none."""
        if self.objects_url is None:
            raise ValueError("FAIRLEAD_OBJECTS_URL is not set: say where files are kept, such as file:///data/files")
        return self.objects_url
