"""Passages → vectors through the pool, in batches, waiting as long as it asks and no longer than allowed."""

import asyncio
import random
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from common.deadline import Deadline
from common.logs import get_logger
from common.pool_client import PoolClient, PoolUnavailable
from ingestion.metrics import EMBED_WAITS
from ingestion.prepare import Prepared
from ingestion.tunables import EmbeddingTunables

log = get_logger("embed")
Vectors = NDArray[np.float32]

# Longest wait for one batch of a healthy pool, and the bounds of the wait between two tries.
REQUEST_S = 120.0
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0


async def embed(pool: PoolClient, prepared: Prepared, tunables: EmbeddingTunables) -> list[Vectors]:
    """For each passage its vectors, one row a window. Raises PoolUnavailable after `patience_s`, or PoolRejected."""
    texts = [window for passage in prepared.passages for window in passage.windows]
    parts = [await _batch(pool, batch, tunables) for batch in _batches(texts, tunables.batch)]
    rows = iter(np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32))
    return [np.stack([next(rows) for _ in passage.windows]) for passage in prepared.passages]


async def _batch(pool: PoolClient, texts: Sequence[str], tunables: EmbeddingTunables) -> Vectors:
    patience = Deadline.after(tunables.patience_s)
    wait = FIRST_WAIT_S
    while True:
        try:
            deadline = Deadline.after(min(REQUEST_S, max(1.0, patience.remaining())))
            return await pool.embed(tunables.model, texts, deadline=deadline, lane="batch")
        except PoolUnavailable as error:
            # Full jitter, so that workers that were refused together do not come back together.
            pause = error.retry_after_s or random.uniform(0, wait)  # noqa: S311 - spreads load, guards nothing
            if pause >= patience.remaining():
                raise
            EMBED_WAITS.inc()
            log.info("waiting_for_pool", seconds=round(pause, 2), reason=str(error))
            await asyncio.sleep(pause)
            wait = min(wait * 2, LONGEST_WAIT_S)


def _batches(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]
