"""Passages → vectors through the pool, in batches as large as it can answer, waiting no longer than allowed."""

import asyncio
import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from common.deadline import Deadline
from common.logs import get_logger
from common.pool_client import PoolClient, PoolUnavailable
from ingestion.metrics import EMBED_BATCH, EMBED_WAITS
from ingestion.prepare import Prepared
from ingestion.tunables import EmbeddingTunables

log = get_logger("embed")
Vectors = NDArray[np.float32]

# Longest wait for one batch of a healthy pool, and the bounds of the wait between two tries.
REQUEST_S = 120.0
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0


class BatchSize:
    """How many texts go into one request: halved when one fails, one more after each that succeeds (AIMD).

    Files are embedded side by side. Batches that a slow pool cannot answer in time would all be given up half done
    and sent again, for ever. One per process.
    """

    def __init__(self) -> None:
        self._size: int | None = None

    def now(self, largest: int) -> int:
        """The size of the next batch."""
        self._size = largest if self._size is None else min(self._size, largest)
        EMBED_BATCH.set(self._size)
        return self._size

    def failed(self, size: int) -> None:
        """A batch of `size` came back without an answer; others sent with it that fail too count once."""
        if self._size is not None:
            self._size = min(self._size, max(1, size // 2))

    def succeeded(self, size: int) -> None:
        """A batch of `size` was answered."""
        if self._size is not None and size >= self._size:
            self._size += 1


async def embed(pool: PoolClient, prepared: Prepared, tunables: EmbeddingTunables, size: BatchSize) -> list[Vectors]:
    """For each passage its vectors, one row a window.

    Raises PoolUnavailable when the pool gave no answer for `patience_s`, or PoolRejected.
    """
    return await embed_windows(pool, [passage.windows for passage in prepared.passages], tunables, size)


async def embed_windows(
    pool: PoolClient, passages: Sequence[Sequence[str]], tunables: EmbeddingTunables, size: BatchSize
) -> list[Vectors]:
    """As `embed`, for passages that are given by their windows alone."""
    texts = [window for windows in passages for window in windows]
    parts: list[Vectors] = []
    done = 0
    while done < len(texts):
        parts.append(await _next_batch(pool, texts, done, tunables, size))
        done += len(parts[-1])
    rows = iter(np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32))
    return [np.stack([next(rows) for _ in windows]) for windows in passages]


async def _next_batch(
    pool: PoolClient, texts: Sequence[str], start: int, tunables: EmbeddingTunables, size: BatchSize
) -> Vectors:
    """The vectors of some texts from `start` on, as many as the pool could answer at once."""
    patience = Deadline.after(tunables.patience_s)
    wait = FIRST_WAIT_S
    while True:
        batch = texts[start : start + size.now(tunables.batch)]
        try:
            deadline = Deadline.after(min(REQUEST_S, max(1.0, patience.remaining())))
            vectors = await pool.embed(tunables.model, batch, deadline=deadline, lane="batch")
        except PoolUnavailable as error:
            if error.retry_after_s is None:
                # One that says when to come back has a limit, which more and smaller requests would only strain.
                size.failed(len(batch))
            # Full jitter, so that workers that were refused together do not come back together.
            pause = error.retry_after_s or random.uniform(0, wait)  # noqa: S311 - spreads load, guards nothing
            if pause >= patience.remaining():
                raise
            EMBED_WAITS.inc()
            log.info("waiting_for_pool", seconds=round(pause, 2), texts=len(batch), reason=str(error))
            await asyncio.sleep(pause)
            wait = min(wait * 2, LONGEST_WAIT_S)
        else:
            size.succeeded(len(batch))
            return vectors
