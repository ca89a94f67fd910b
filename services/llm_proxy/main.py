"""Puts the LLM pool together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
from fastapi import FastAPI

from common.app import create_app, serve
from common.live_config import LiveConfig
from llm_proxy.check import refuse_faulty
from llm_proxy.config import PoolConfig
from llm_proxy.proxy import Pool
from llm_proxy.routes import router
from llm_proxy.settings import PoolSettings


def run(settings: PoolSettings) -> None:
    """Serve until told to end."""
    kept = settings.last_good_dir
    live = LiveConfig(
        PoolConfig, settings.config_file, service=settings.service, last_good_dir=kept, validate_extra=refuse_faulty
    )
    live.load()

    @asynccontextmanager
    async def resources(_: FastAPI) -> AsyncGenerator[None]:
        timeout = aiohttp.ClientTimeout(total=None, connect=5)
        async with aiohttp.ClientSession(
            timeout=timeout, auto_decompress=False, trust_env=False, skip_auto_headers=("accept-encoding",)
        ) as session:
            pool.session = session
            yield

    app = create_app(settings, routers=[router], resources=resources, live=live)
    pool = Pool(app, live, app.state.auth, settings.max_body_bytes)
    serve(pool, settings, app.state.health)
