"""The ingestion worker: keeps stores in step with sources and uploads, one queued file at a time."""

from fastapi import FastAPI

from common.app import create_app, serve
from common.live_config import LiveConfig
from ingestion.ingest import check_tokenizer
from ingestion.resources import held_by
from ingestion.routes import router
from ingestion.settings import IngestionSettings
from ingestion.tunables import IngestionTunables


def configuration(settings: IngestionSettings) -> LiveConfig[IngestionTunables]:
    """The tunables; raises ConfigError when there is no valid configuration to start on."""
    return LiveConfig.of(IngestionTunables, settings, check_tokenizer)


def build(settings: IngestionSettings) -> FastAPI:
    """The application: health, metrics and the state of the sources; the work goes on beside it."""
    live = configuration(settings)
    return create_app(settings, routers=[router], resources=held_by(settings, live), live=live)


def run() -> None:
    """Work until told to stop."""
    settings = IngestionSettings()
    serve(build(settings), settings)
