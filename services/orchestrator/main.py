"""The orchestrator: the API that people and programs ask, and the pipeline that answers."""

from fastapi import FastAPI

from common.app import create_app, serve
from common.live_config import LiveConfig
from orchestrator import failures, routes
from orchestrator.resources import held_by
from orchestrator.routes_files import FORM_OVERHEAD_BYTES
from orchestrator.settings import OrchestratorSettings
from orchestrator.tunables import OrchestratorTunables


def build(settings: OrchestratorSettings) -> FastAPI:
    """The application; raises ConfigError when there is no valid configuration to start on."""
    live = LiveConfig.of(OrchestratorTunables, settings)
    app = create_app(
        settings,
        routers=routes.ALL,
        resources=held_by(settings, live),
        live=live,
        body_limits={"/v1/files": settings.max_upload_bytes + FORM_OVERHEAD_BYTES},
    )
    failures.install(app)
    return app


def main() -> None:
    """Serve until told to stop."""
    settings = OrchestratorSettings()
    serve(build(settings), settings)
