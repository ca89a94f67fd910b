"""The trace buffer as a service."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from common import postgres
from common.app import create_app, serve
from observability import receiver
from observability.buffer import TraceBuffer
from observability.promotion import Promoter
from observability.settings import BufferSettings


def build(settings: BufferSettings) -> FastAPI:
    """The application; raises ValueError when it is not told of a database."""
    url = settings.database()

    @asynccontextmanager
    async def resources(app: FastAPI) -> AsyncGenerator[None]:
        async with postgres.open_pool(url, max_size=settings.database_connections) as pool:
            app.state.buffer = TraceBuffer(pool, settings)
            app.state.health.add("postgres", app.state.buffer.check, critical=True)
            async with Promoter(app.state.buffer, settings.promoted_endpoint).running():
                yield

    # Not traced: what it does with a trace would be a trace for it to hold, for ever.
    return create_app(settings, routers=[receiver.router], resources=resources, trace_requests=False)


def run() -> None:
    """Serve until told to end."""
    settings = BufferSettings()
    serve(build(settings), settings)
