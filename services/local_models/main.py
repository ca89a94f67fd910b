"""Puts the local models together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from common.app import create_app, serve
from local_models import routes_chat, routes_embeddings, routes_models, routes_rerank
from local_models.cores import usable_cores
from local_models.models import Models
from local_models.reader import Reader
from local_models.settings import LocalModelsSettings


def build(settings: LocalModelsSettings) -> FastAPI:
    """The application with its models loaded; raises WeightsError."""
    models = Models.load(settings.cores or usable_cores(), settings.weights_dir)

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncGenerator[None]:
        app.state.models = models
        app.state.reader = Reader(models, settings.passage_cache_bytes)
        app.state.health.add("model", models.check, critical=True)
        app.state.health.full_when("queue", models.scheduler.saturated)
        async with app.state.reader.forgetting():
            yield
        models.close()

    routers = [route.router for route in (routes_embeddings, routes_rerank, routes_chat, routes_models)]
    return create_app(settings, routers=routers, resources=resources, trace_requests=False)


def run(settings: LocalModelsSettings) -> None:
    """Serve until told to end."""
    serve(build(settings), settings)
