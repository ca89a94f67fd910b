"""Puts the LLM pool together."""

import gc

from common.serving import serve
from llm_proxy.http_server import CallerConnection
from llm_proxy.service import Pool
from llm_proxy.settings import PoolSettings
from llm_proxy.workers import spread


def run(settings: PoolSettings) -> None:
    """Serve until told to end, in as many processes as the settings say."""
    if settings.workers > 1 and spread(settings):
        return
    pool = Pool(settings)
    # What is there now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    serve(pool, settings, pool.health, protocol=CallerConnection, share_port=settings.workers > 1)
