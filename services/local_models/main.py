"""Puts the local models together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from common.app import create_app, serve
from local_models import routes_chat, routes_embeddings, routes_models
from local_models.cores import usable_cores
from local_models.models import Models
from local_models.settings import LocalModelsSettings


def run() -> None:
    """Serve until told to end; raises WeightsError when the weights are not genuine."""
    settings = LocalModelsSettings()
    models = Models.load(settings.cores or usable_cores(), settings.weights_dir)

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncGenerator[None]:
        app.state.models = models
        app.state.health.add("model", models.check, critical=True)
        app.state.health.ready_when("queue", models.scheduler.saturated)
        yield
        models.close()

    routers = (routes_embeddings.router, routes_chat.router, routes_models.router)
    serve(create_app(settings, routers=routers, resources=resources), settings)
